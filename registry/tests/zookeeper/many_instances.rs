//! Many processes at once: one mapping that all write, and hundreds of instances that start together.

use std::time::Duration;

use dubbo_registry::{Registry, ZooKeeperConfig};
use futures_util::future::join_all;
use serde_json::json;
use test_servers::{LONG, ZooKeeper, eventually};
use tokio::time::{Instant, timeout};
use zookeeper_client::{Acls, CreateMode};

use crate::support::*;

const INSTANCES: u16 = 500;

#[tokio::test]
async fn no_application_is_lost_from_a_mapping_that_all_write_at_once() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let registries: Vec<_> = (0..24).map(|_| connect(zookeeper.address())).collect();
    let announcements: Vec<_> = registries
        .iter()
        .zip(0..)
        .map(|(registry, number)| {
            registry.register(registration(&format!("app-{number}"), 20000 + number))
        })
        .collect();
    // A writer that does not compare before it sets, as older dubbo-go releases.
    for _ in 0..5 {
        put(&operator, MAPPING, b"careless", CreateMode::Persistent).await;
        tokio::task::yield_now().await;
    }
    for done in timeout(
        LONG,
        join_all(announcements.iter().map(|announcement| announcement.done())),
    )
    .await
    .unwrap()
    {
        done.unwrap();
    }
    let mut expected: Vec<_> = (0..24)
        .map(|number| format!("app-{number}"))
        .chain(["careless".to_owned()])
        .collect();
    expected.sort();
    eventually(LONG, "all are in the mapping", async || {
        let (mapping, _) = node(&operator, MAPPING).await.ok_or("absent")?;
        let mut found: Vec<_> = mapping.split(',').map(str::to_owned).collect();
        found.sort();
        if found == expected {
            Ok(())
        } else {
            Err(mapping)
        }
    })
    .await;
}

/// The number of packets that the server has received.
async fn received(zookeeper: &ZooKeeper) -> u64 {
    let answer = zookeeper.ask("srvr").await.unwrap_or_default();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("Received: "));
    line.and_then(|number| number.parse().ok())
        .expect("the server counts its packets")
}

#[tokio::test]
async fn many_registrations_at_once_cost_a_bounded_number_of_reads_and_leave_none_out() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    put(&operator, MAPPING, b"many", CreateMode::Persistent).await;
    put(
        &operator,
        "/services/many/first",
        b"{}",
        CreateMode::Persistent,
    )
    .await;
    let recorder = Recorder::default();
    let consumer = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let subscription = consumer.subscribe(reference());
    eventually(LONG, "the consumer follows", async || {
        recorder.has(|event| *event == Event::Subscribed(Ok(())))
    })
    .await;
    let before = received(&zookeeper).await;
    let began = Instant::now();
    let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    let creations = (0..INSTANCES).map(|number| {
        let port = 20000 + number;
        let data = json!({
            "name": "many", "id": format!("127.0.0.1:{port}"), "address": "127.0.0.1", "port": port,
            "payload": {"metadata": {
                "dubbo.endpoints": format!(r#"[{{"port":{port},"protocol":"tri"}}]"#), "dubbo.metadata.revision": port.to_string(),
            }},
        });
        let path = format!("/services/many/127.0.0.1:{port}");
        let (operator, options) = (&operator, &options);
        async move { operator.create(&path, data.to_string().as_bytes(), options).await.map(drop) }
    });
    for created in join_all(creations).await {
        created.unwrap();
    }
    eventually(LONG, "the list is complete", async || {
        let found = subscription.providers().len();
        if found == usize::from(INSTANCES) {
            Ok(())
        } else {
            Err(format!("{found} providers"))
        }
    })
    .await;
    let elapsed = began.elapsed();
    let cost = received(&zookeeper).await - before;
    // One creation and one read for each instance; a list every 200 ms at most; two clients' pings and the questions of
    // this test, generously.
    let lists = elapsed.as_millis() / 200 + 2;
    let bound =
        2 * u64::from(INSTANCES) + u64::try_from(lists).unwrap() + 20 + elapsed.as_secs() * 4;
    assert!(
        cost <= bound,
        "{cost} packets, more than {bound}, in {elapsed:?}"
    );
    let notifications = recorder.count(|event| matches!(event, Event::Notified(_)));
    assert!(
        notifications <= usize::try_from(lists).unwrap() + 2,
        "{notifications} notifications in {elapsed:?}"
    );
    let mut found = ports(&subscription.providers());
    found.dedup();
    assert_eq!(
        found,
        (20000..20000 + INSTANCES).collect::<Vec<_>>(),
        "ordered, each once"
    );
}

#[tokio::test]
async fn hundreds_of_registrations_of_our_own_are_all_found() {
    let zookeeper = ZooKeeper::start().await;
    let consumer = connect(zookeeper.address());
    let subscription = consumer.subscribe(reference());
    let provider = connect(zookeeper.address());
    let announcements: Vec<_> = (0..INSTANCES)
        .map(|number| provider.register(registration("my-app", 20000 + number)))
        .collect();
    let done = join_all(announcements.iter().map(|announcement| announcement.done()));
    for done in timeout(2 * LONG, done).await.unwrap() {
        done.unwrap();
    }
    eventually(LONG, "the list is complete", async || {
        subscription.providers().len() == usize::from(INSTANCES)
    })
    .await;
    timeout(LONG, provider.close()).await.unwrap();
    let operator = operator(&zookeeper).await;
    eventually(LONG, "all are gone at once", async || {
        operator
            .list_children("/services/my-app")
            .await
            .is_ok_and(|children| children.is_empty())
    })
    .await;
    eventually(
        Duration::from_secs(30),
        "they are the last resort now",
        async || {
            subscription
                .providers()
                .iter()
                .all(|provider| !provider.listed)
        },
    )
    .await;
    assert_eq!(subscription.providers().len(), usize::from(INSTANCES));
}
