//! ZooKeeper's bad days: sessions that end, connections that break, servers that die.

use std::time::Duration;

use dubbo_registry::{Registry, SessionEvent, ZooKeeperConfig};
use test_servers::{LONG, TcpProxy, ZooKeeper, eventually};
use tokio::time::{Instant, timeout};
use zookeeper_client::Client;

use crate::{support::*, tap::Tap};

/// How soon a registration has to be back once ZooKeeper can be reached.
const SOON: Duration = Duration::from_secs(5);

/// What [`short_sessions`] asks for.
const SHORT_SESSION: Duration = Duration::from_secs(4);

/// Checks that the instance and the member are there, each once, and returns the session they belong to.
async fn owner(operator: &Client) -> Result<i64, String> {
    let mut owners = Vec::new();
    for folder in ["/services/my-app", "/prometheus/dubbo"] {
        for child in operator
            .list_children(folder)
            .await
            .map_err(|error| error.to_string())?
        {
            let stat = operator.check_stat(&format!("{folder}/{child}")).await;
            owners.push(
                stat.map_err(|error| error.to_string())?
                    .ok_or("a child has just gone")?
                    .ephemeral_owner,
            );
        }
    }
    match owners[..] {
        [instance, member] if instance == member => Ok(instance),
        _ => Err(format!("owners {owners:?}")),
    }
}

fn short_sessions(address: String) -> ZooKeeperConfig {
    ZooKeeperConfig::new(address).session_timeout(SHORT_SESSION)
}

#[tokio::test]
async fn an_ended_session_is_followed_by_another_with_the_same_registrations() {
    let zookeeper = ZooKeeper::start().await;
    let tap = Tap::start(0, zookeeper.address()).await;
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(tap.address()), &recorder);
    let mut subscription = registry.subscribe(reference());
    announce(&registry).await;
    available(&mut subscription).await;
    let operator = operator(&zookeeper).await;
    for _ in 0..3 {
        let former = tap.end_session().await;
        let ended = Instant::now();
        eventually(
            LONG,
            "a new session has both nodes, once",
            async || match owner(&operator).await {
                Ok(owner) if owner == former => Err("still the former session".to_owned()),
                result => result,
            },
        )
        .await;
        assert!(
            ended.elapsed() < SOON,
            "registered again after {:?}",
            ended.elapsed()
        );
        assert_eq!(
            ports(&subscription.providers()),
            [20000],
            "the consumer keeps its list"
        );
    }
    assert_eq!(
        recorder.count(|event| *event == Event::Session(SessionEvent::Expired)),
        3,
        "{recorder:?}"
    );
    eventually(LONG, "the list is exact again", async || {
        subscription.providers()[0].listed
    })
    .await;
}

#[tokio::test]
async fn a_connection_silent_for_longer_than_the_session_lives_ends_with_one_registration() {
    let zookeeper = ZooKeeper::start().await;
    let proxy = TcpProxy::start(zookeeper.address()).await;
    let registry = connect_with(short_sessions(proxy.address()), &Recorder::default());
    announce(&registry).await;
    let operator = operator(&zookeeper).await;
    let former = owner(&operator).await.unwrap();
    proxy.block();
    eventually(LONG, "the session expires", async || {
        operator
            .list_children("/services/my-app")
            .await
            .is_ok_and(|children| children.is_empty())
    })
    .await;
    proxy.restore();
    let reachable = Instant::now();
    let owner = eventually(LONG, "both nodes are there again, once", async || {
        owner(&operator).await
    })
    .await;
    assert!(
        reachable.elapsed() < SOON,
        "registered again after {:?}",
        reachable.elapsed()
    );
    assert_ne!(owner, former);
}

#[tokio::test]
async fn a_short_break_keeps_the_session() {
    let zookeeper = ZooKeeper::start().await;
    let proxy = TcpProxy::start(zookeeper.address()).await;
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(proxy.address()), &recorder);
    announce(&registry).await;
    let operator = operator(&zookeeper).await;
    let former = owner(&operator).await.unwrap();
    proxy.cut();
    eventually(LONG, "the break is noticed", async || {
        recorder.has(|event| *event == Event::Session(SessionEvent::Disconnected))
    })
    .await;
    proxy.restore();
    eventually(LONG, "the connection is back", async || {
        recorder.has(|event| *event == Event::Session(SessionEvent::Reconnected))
    })
    .await;
    assert_eq!(owner(&operator).await, Ok(former));
    assert!(!recorder.has(|event| *event == Event::Session(SessionEvent::Expired)));
}

#[tokio::test]
async fn what_changed_during_a_break_is_seen_after_it() {
    let zookeeper = ZooKeeper::start().await;
    let proxy = TcpProxy::start(zookeeper.address()).await;
    let recorder = Recorder::default();
    let consumer = connect_with(ZooKeeperConfig::new(proxy.address()), &recorder);
    let mut subscription = consumer.subscribe(reference());
    let (first, second) = (connect(zookeeper.address()), connect(zookeeper.address()));
    first
        .register(registration("my-app", 20001))
        .done()
        .await
        .unwrap();
    available(&mut subscription).await;
    proxy.cut();
    eventually(LONG, "the break is noticed", async || {
        recorder.has(|event| *event == Event::Session(SessionEvent::Disconnected))
    })
    .await;
    second
        .register(registration("other-app", 20002))
        .done()
        .await
        .unwrap();
    first.close().await;
    assert_eq!(
        ports(&subscription.providers()),
        [20001],
        "the last known providers are kept"
    );
    proxy.restore();
    eventually(LONG, "the list is that of now", async || {
        ports(&subscription.providers()) == [20002]
    })
    .await;
}

/// Most sessions live for 10 s, and a server that is back within that time still knows them.
#[tokio::test]
async fn an_outage_that_sessions_survive_makes_almost_no_new_one() {
    const PROCESSES: usize = 100;
    let zookeeper = ZooKeeper::start().await;
    let proxy = TcpProxy::start(zookeeper.address()).await;
    let recorders: Vec<_> = (0..PROCESSES).map(|_| Recorder::default()).collect();
    let registries: Vec<_> = recorders
        .iter()
        .map(|recorder| connect_with(ZooKeeperConfig::new(proxy.address()), recorder))
        .collect();
    let announcements: Vec<_> = (20000..)
        .zip(&registries)
        .map(|(port, registry)| registry.register(registration("my-app", port)))
        .collect();
    for announcement in &announcements {
        timeout(LONG, announcement.done()).await.unwrap().unwrap();
    }
    let sessions = |event: SessionEvent| {
        let count = |recorder: &Recorder| recorder.count(|e| *e == Event::Session(event));
        recorders.iter().map(count).sum::<usize>()
    };
    assert_eq!(sessions(SessionEvent::Established), PROCESSES);

    proxy.cut();
    tokio::time::sleep(Duration::from_secs(6)).await;
    proxy.restore();
    eventually(LONG, "every process is connected again", async || {
        let connected =
            sessions(SessionEvent::Established) + sessions(SessionEvent::Reconnected) - PROCESSES;
        (connected >= PROCESSES).then_some(()).ok_or(connected)
    })
    .await;
    let renewed = sessions(SessionEvent::Established) - PROCESSES;
    assert!(
        renewed <= 2,
        "{renewed} of {PROCESSES} sessions were given up"
    );
    let operator = operator(&zookeeper).await;
    let listed = operator.list_children("/services/my-app").await.unwrap();
    assert_eq!(listed.len(), PROCESSES, "each is registered once");
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_with_its_data_has_one_registration() {
    let mut zookeeper = ZooKeeper::start().await;
    let registry = connect(zookeeper.address());
    let mut subscription = registry.subscribe(reference());
    announce(&registry).await;
    available(&mut subscription).await;
    // Once the session outlives the outage, once it doesn't.
    let session = ZooKeeperConfig::DEFAULT_SESSION_TIMEOUT;
    for pause in [session / 10, session + session / 10] {
        zookeeper.kill();
        tokio::time::sleep(pause).await;
        zookeeper.restart().await;
        let reachable = Instant::now();
        let operator = operator(&zookeeper).await;
        // The nodes of the former session are still there when the server comes back: wait for what proves a new connection.
        eventually(LONG, "a living session has both nodes, once", async || {
            let owner = owner(&operator).await?;
            let connections = zookeeper.ask("cons").await?;
            connections
                .contains(&format!("sid=0x{owner:x}"))
                .then_some(())
                .ok_or(connections)
        })
        .await;
        assert!(
            reachable.elapsed() < SOON,
            "registered again after {:?}",
            reachable.elapsed()
        );
        assert_eq!(ports(&subscription.providers()), [20000]);
    }
}

#[tokio::test]
async fn a_server_that_comes_back_without_its_data_gets_everything_again() {
    let mut zookeeper = ZooKeeper::start().await;
    let registry = connect(zookeeper.address());
    let mut subscription = registry.subscribe(reference());
    announce(&registry).await;
    available(&mut subscription).await;
    zookeeper.kill();
    zookeeper.restart_empty().await;
    let reachable = Instant::now();
    let operator = operator(&zookeeper).await;
    eventually(LONG, "both nodes are there, once", async || {
        owner(&operator).await
    })
    .await;
    // The former session has seen transactions that this server has not: it is refused, which takes some patience.
    assert!(
        reachable.elapsed() < 2 * SOON,
        "registered again after {:?}",
        reachable.elapsed()
    );
    // The mapping comes after the instance.
    eventually(LONG, "the mapping is there again", async || {
        let mapping = node(&operator, MAPPING).await;
        mapping.is_some_and(|(mapping, _)| mapping == "my-app")
    })
    .await;
    eventually(LONG, "the list is exact again", async || {
        let list = subscription.providers();
        ports(&list) == [20000] && list[0].listed
    })
    .await;
}

#[tokio::test]
async fn a_server_that_pauses_for_longer_than_sessions_live_ends_with_one_registration() {
    let mut zookeeper = ZooKeeper::start().await;
    let registry = connect_with(short_sessions(zookeeper.address()), &Recorder::default());
    let mut subscription = registry.subscribe(reference());
    announce(&registry).await;
    available(&mut subscription).await;
    zookeeper.stop_process();
    // How long the server stood still is all that it goes by when it goes on: there is nothing to see before.
    tokio::time::sleep(SHORT_SESSION + SHORT_SESSION / 2).await;
    assert_eq!(
        ports(&subscription.providers()),
        [20000],
        "the last known providers are kept"
    );
    zookeeper.continue_process();
    let operator = eventually(LONG, "the server answers", async || {
        Client::connect(&zookeeper.address())
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    eventually(LONG, "a living session has both nodes, once", async || {
        let owner = owner(&operator).await?;
        let connections = zookeeper.ask("cons").await?;
        connections
            .contains(&format!("sid=0x{owner:x}"))
            .then_some(())
            .ok_or(connections)
    })
    .await;
    eventually(LONG, "the list is exact again", async || {
        subscription.providers()[0].listed
    })
    .await;
}

#[tokio::test]
async fn a_registry_whose_server_is_gone_closes_in_bounded_time() {
    let mut zookeeper = ZooKeeper::start().await;
    let registry = connect(zookeeper.address());
    announce(&registry).await;
    zookeeper.stop_process();
    let began = Instant::now();
    timeout(LONG, registry.close()).await.unwrap();
    assert!(
        began.elapsed() < 2 * SOON,
        "closed after {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_zookeeper_that_comes_back_without_its_data_takes_no_provider_away() {
    const PROVIDERS: u16 = 100;
    let mut zookeeper = ZooKeeper::start().await;
    let put = async |zookeeper: &ZooKeeper, range: std::ops::Range<u16>| {
        let operator = operator(zookeeper).await;
        put_persistent(&operator, MAPPING, b"app").await;
        for number in range {
            let path = format!("/services/app/127.0.0.1:{}", 20000 + number);
            put_instance(&operator, &path, 20000 + number).await;
        }
    };
    put(&zookeeper, 0..PROVIDERS).await;
    let registry = connect(zookeeper.address());
    let mut subscription = registry.subscribe(reference());
    let all: Vec<u16> = (0..PROVIDERS).map(|number| 20000 + number).collect();
    available(&mut subscription).await;
    until(&subscription, &all).await;

    zookeeper.restart_empty().await;
    put(&zookeeper, 0..1).await;
    eventually(LONG, "the first one is listed again", async || {
        let providers = subscription.providers();
        assert_eq!(ports(&providers), all, "none is taken away");
        let listed: Vec<_> = providers.iter().filter(|p| p.listed).collect();
        if listed.len() == 1 {
            Ok(())
        } else {
            Err(listed.len())
        }
    })
    .await;
    put(&zookeeper, 1..PROVIDERS).await;
    eventually(LONG, "all are listed again", async || {
        let providers = subscription.providers();
        assert_eq!(ports(&providers), all, "none is taken away");
        providers.iter().all(|provider| provider.listed)
    })
    .await;
}
