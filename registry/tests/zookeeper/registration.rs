//! A provider in ZooKeeper: what is written, who is served by it, and how it is taken back.

use dubbo_registry::{RegisterMode, Registry, ScrapeTarget, ZooKeeperConfig};
use test_servers::{LONG, ZooKeeper, eventually, free_port};
use tokio::time::timeout;
use zookeeper_client::CreateMode;

use crate::{support::*, tap::Tap};

#[tokio::test]
async fn a_consumer_that_starts_first_sees_the_provider_come_and_go() {
    let zookeeper = ZooKeeper::start().await;
    let consumer = connect(zookeeper.address());
    let mut subscription = consumer.subscribe(reference());
    let provider = connect(zookeeper.address());
    let announcement = provider.register(registration("my-app", 20000));
    timeout(LONG, announcement.done()).await.unwrap().unwrap();
    let list = timeout(LONG, subscription.available())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(list[0].address(), "127.0.0.1:20000");
    assert_eq!(list[0].application, "my-app");
    timeout(LONG, announcement.withdraw())
        .await
        .unwrap()
        .unwrap();
    let list = eventually(LONG, "the provider becomes the last resort", async || {
        Some(subscription.providers()).filter(|list| list.iter().all(|provider| !provider.listed))
    })
    .await;
    assert_eq!(ports(&list), [20000]);
}

#[tokio::test]
async fn the_nodes_are_those_of_dubbo() {
    let zookeeper = ZooKeeper::start().await;
    let registry = connect(zookeeper.address());
    let operator = operator(&zookeeper).await;
    let registration = registration("my-app", 20000);
    registry
        .register(registration.clone())
        .done()
        .await
        .unwrap();
    let (mapping, owner) = node(&operator, MAPPING).await.unwrap();
    assert_eq!(
        (mapping.as_str(), owner),
        ("my-app", 0),
        "the mapping is persistent"
    );
    let (instance, owner) = node(&operator, "/services/my-app/127.0.0.1:20000")
        .await
        .unwrap();
    assert_eq!(instance, registration.node_data());
    assert_ne!(owner, 0, "the instance is ephemeral");
}

#[tokio::test]
async fn all_processes_may_start_before_zookeeper() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let registry = connect(address.clone());
    let mut subscription = registry.subscribe(reference());
    let announcement = registry.register(registration("my-app", 20000));
    let failure = eventually(LONG, "the failure is told", async || announcement.failure()).await;
    assert!(failure.to_string().contains(&address), "{failure}");
    let zookeeper = ZooKeeper::start().await;
    // The server is on a port of its own; a tap stands where the registry looks.
    let _tap = Tap::start(port, zookeeper.address()).await;
    timeout(LONG, announcement.done()).await.unwrap().unwrap();
    assert_eq!(available(&mut subscription).await, [20000]);
}

#[tokio::test]
async fn closing_removes_everything_at_once_but_the_mapping() {
    let zookeeper = ZooKeeper::start().await;
    let registry = connect(zookeeper.address());
    let operator = operator(&zookeeper).await;
    registry
        .register(registration("my-app", 20000))
        .done()
        .await
        .unwrap();
    registry
        .expose(ScrapeTarget::new("my-app", "127.0.0.1", 9099).unwrap())
        .done()
        .await
        .unwrap();
    timeout(LONG, registry.close()).await.unwrap();
    assert_eq!(
        operator.list_children("/services/my-app").await.unwrap(),
        [""; 0]
    );
    assert_eq!(
        operator.list_children("/prometheus/dubbo").await.unwrap(),
        [""; 0]
    );
    assert_eq!(node(&operator, MAPPING).await.unwrap().0, "my-app");
    let connections = zookeeper.ask("cons").await.unwrap();
    let others = connections
        .lines()
        .filter(|line| line.contains("sid="))
        .count();
    assert_eq!(others, 1, "only the operator is left: {connections}");
}

#[tokio::test]
async fn a_member_is_announced_for_prometheus() {
    let zookeeper = ZooKeeper::start().await;
    let registry = connect(zookeeper.address());
    let operator = operator(&zookeeper).await;
    let target = ScrapeTarget::new("my-app", "127.0.0.1", 9099).unwrap();
    let announcement = registry.expose(target.clone());
    announcement.done().await.unwrap();
    let members = operator.list_children("/prometheus/dubbo").await.unwrap();
    assert_eq!(members.len(), 1);
    let digits = members[0].strip_prefix("member_").unwrap();
    assert!(
        digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit()),
        "{members:?}"
    );
    let (data, owner) = node(&operator, &format!("/prometheus/dubbo/{}", members[0]))
        .await
        .unwrap();
    assert_eq!(data, target.node_data());
    assert_ne!(owner, 0);
    announcement.withdraw().await.unwrap();
    assert_eq!(
        operator.list_children("/prometheus/dubbo").await.unwrap(),
        [""; 0]
    );
}

#[tokio::test]
async fn a_node_left_by_a_killed_process_is_replaced() {
    let zookeeper = ZooKeeper::start().await;
    let killed = operator(&zookeeper).await;
    put(
        &killed,
        "/services/my-app/127.0.0.1:20000",
        b"leftover",
        CreateMode::Ephemeral,
    )
    .await;
    let registry = connect(zookeeper.address());
    let registration = registration("my-app", 20000);
    timeout(LONG, registry.register(registration.clone()).done())
        .await
        .unwrap()
        .unwrap();
    let (data, owner) = node(&killed, "/services/my-app/127.0.0.1:20000")
        .await
        .unwrap();
    assert_eq!(data, registration.node_data());
    assert_ne!(owner, killed.session_id().0);
}

#[tokio::test]
async fn a_persistent_node_at_our_place_is_replaced() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    put(
        &operator,
        "/services/my-app/127.0.0.1:20000",
        b"by hand",
        CreateMode::Persistent,
    )
    .await;
    let registry = connect(zookeeper.address());
    timeout(
        LONG,
        registry.register(registration("my-app", 20000)).done(),
    )
    .await
    .unwrap()
    .unwrap();
    let (_, owner) = node(&operator, "/services/my-app/127.0.0.1:20000")
        .await
        .unwrap();
    assert_ne!(owner, 0, "it ends with its process now");
}

#[tokio::test]
async fn what_others_delete_or_overwrite_is_put_right() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let registry = connect(zookeeper.address());
    let registration = registration("my-app", 20000);
    registry
        .register(registration.clone())
        .done()
        .await
        .unwrap();
    registry
        .expose(ScrapeTarget::new("my-app", "127.0.0.1", 9099).unwrap())
        .done()
        .await
        .unwrap();
    let path = "/services/my-app/127.0.0.1:20000";
    operator.delete(path, None).await.unwrap();
    eventually(LONG, "a deleted instance comes back", async || {
        node(&operator, path).await
    })
    .await;
    operator.set_data(path, b"garbage", None).await.unwrap();
    eventually(
        LONG,
        "an overwritten instance is written again",
        async || {
            node(&operator, path)
                .await
                .is_some_and(|(data, _)| data == registration.node_data())
        },
    )
    .await;
    operator.set_data(MAPPING, b"other", None).await.unwrap();
    eventually(LONG, "the application returns to the mapping", async || {
        node(&operator, MAPPING)
            .await
            .is_some_and(|(data, _)| data == "other,my-app")
    })
    .await;
    let member = operator
        .list_children("/prometheus/dubbo")
        .await
        .unwrap()
        .remove(0);
    operator
        .delete(&format!("/prometheus/dubbo/{member}"), None)
        .await
        .unwrap();
    eventually(LONG, "a deleted member comes back", async || {
        operator
            .list_children("/prometheus/dubbo")
            .await
            .unwrap()
            .len()
            == 1
    })
    .await;
}

#[tokio::test]
async fn withdrawing_leaves_the_node_of_a_successor() {
    let zookeeper = ZooKeeper::start().await;
    let (former, successor) = (connect(zookeeper.address()), connect(zookeeper.address()));
    let operator = operator(&zookeeper).await;
    let old = former.register(registration("my-app", 20000));
    old.done().await.unwrap();
    let (_, first_owner) = node(&operator, "/services/my-app/127.0.0.1:20000")
        .await
        .unwrap();
    let withdrawn = tokio::spawn(async move { old.withdraw().await });
    let new = successor.register(registration("my-app", 20000));
    new.done().await.unwrap();
    withdrawn.await.unwrap().unwrap();
    former.close().await;
    let (_, owner) = eventually(LONG, "the successor has the node", async || {
        node(&operator, "/services/my-app/127.0.0.1:20000").await
    })
    .await;
    assert_ne!(owner, first_owner);
}

#[tokio::test]
async fn a_registry_that_is_dropped_leaves_nothing_behind() {
    let zookeeper = ZooKeeper::start().await;
    let registry = connect(zookeeper.address());
    announce(&registry).await;
    drop(registry);
    let operator = operator(&zookeeper).await;
    eventually(LONG, "its nodes are gone", async || {
        let instances = operator
            .list_children("/services/my-app")
            .await
            .map_err(|error| error.to_string())?;
        let members = operator
            .list_children("/prometheus/dubbo")
            .await
            .map_err(|error| error.to_string())?;
        if instances.is_empty() && members.is_empty() {
            Ok(())
        } else {
            Err(format!("{instances:?} {members:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_provider_can_be_announced_again_after_its_withdrawal() {
    let zookeeper = ZooKeeper::start().await;
    let registry = connect(zookeeper.address());
    let subscription = registry.subscribe(reference());
    for _ in 0..5 {
        let announcement = registry.register(registration("my-app", 20000));
        timeout(LONG, announcement.done()).await.unwrap().unwrap();
        eventually(LONG, "it is listed", async || {
            subscription
                .providers()
                .iter()
                .any(|provider| provider.listed)
        })
        .await;
        timeout(LONG, announcement.withdraw())
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_dead_host_among_several_does_not_matter() {
    let zookeeper = ZooKeeper::start().await;
    let registry = connect(format!("127.0.0.1:{},{}", free_port(), zookeeper.address()));
    announce(&registry).await;
    registry.close().await;
}

#[tokio::test]
async fn an_interface_level_consumer_finds_a_provider_of_each_mode_but_instance() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let registry = connect(zookeeper.address());
    let modes = [
        RegisterMode::Instance,
        RegisterMode::Interface,
        RegisterMode::All,
    ];
    let mut announcements = Vec::new();
    for (port, mode) in (20000..).zip(modes) {
        let registration = registration("my-app", port).register_mode(mode);
        let announcement = registry.register(registration);
        timeout(LONG, announcement.done()).await.unwrap().unwrap();
        announcements.push(announcement);
    }
    let folder = format!("/dubbo/{INTERFACE}");
    let urls = operator
        .list_children(&format!("{folder}/providers"))
        .await
        .unwrap();
    assert_eq!(urls.len(), 2, "{urls:?}");
    for url in &urls {
        let (data, owner) = node(&operator, &format!("{folder}/providers/{url}"))
            .await
            .unwrap();
        assert_eq!(data, "");
        assert_ne!(owner, 0, "{url} is ephemeral");
    }
    let mut instances = operator.list_children("/services/my-app").await.unwrap();
    instances.sort();
    assert_eq!(instances, ["127.0.0.1:20000", "127.0.0.1:20002"]);
    // Ours reads both, and lists a provider of both once.
    let recorder = Recorder::default();
    let consumer = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let subscription = consumer.subscribe(reference());
    until(&subscription, &[20000, 20001, 20002]).await;
    let listed = recorder
        .events
        .lock()
        .iter()
        .rev()
        .find_map(|event| match event {
            Event::Notified(notification) => Some(notification.listed),
            _ => None,
        });
    assert_eq!(listed, Some(3), "a provider of both counts once");
    for announcement in announcements {
        timeout(LONG, announcement.withdraw())
            .await
            .unwrap()
            .unwrap();
    }
    let left = operator
        .list_children(&format!("{folder}/providers"))
        .await
        .unwrap();
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn a_killed_process_leaves_no_second_url_to_its_successor() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let folder = format!("/dubbo/{INTERFACE}/providers");
    let first = connect(zookeeper.address());
    first
        .register(registration("my-app", 20000))
        .done()
        .await
        .unwrap();
    let former = operator.list_children(&folder).await.unwrap().remove(0);
    timeout(LONG, first.close()).await.unwrap();
    // Its node as it would be after a SIGKILL: held by a session that has not expired yet.
    let path = format!("{folder}/{former}");
    put(&operator, &path, b"", CreateMode::Ephemeral).await;
    let successor = connect(zookeeper.address());
    successor
        .register(registration("my-app", 20000))
        .done()
        .await
        .unwrap();
    let urls = operator.list_children(&folder).await.unwrap();
    assert_eq!(urls.len(), 1, "{urls:?}");
    assert_ne!(urls[0], former, "another start has another URL");
}
