//! What a consumer finds: every way to register, every kind of damage.

use std::{collections::BTreeMap, time::Duration};

use dubbo_registry::{DEFAULT_WEIGHT, Notification, Registry, ZooKeeperConfig};
use serde_json::json;
use test_servers::{LONG, ZooKeeper, eventually};

use crate::support::*;

#[tokio::test]
async fn what_dubbo_go_wrote_is_found() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    put_persistent(
        &operator,
        MAPPING,
        include_bytes!("../data/dubbo-go-3.3.2-mapping.txt").trim_ascii(),
    )
    .await;
    let node = include_bytes!("../data/dubbo-go-3.3.2-instance.json").trim_ascii();
    put_persistent(&operator, "/services/dubbo.io/127.0.0.1:20000", node).await;
    let registry = connect(zookeeper.address());
    let mut subscription = registry.subscribe(reference());
    let list = subscription.available().await.unwrap();
    assert_eq!(
        (list[0].address().as_str(), list[0].application.as_str()),
        ("127.0.0.1:20000", "dubbo.io")
    );
    assert_eq!(list[0].weight, DEFAULT_WEIGHT);
}

#[tokio::test]
async fn every_kind_of_damage_is_skipped_and_told_once_and_the_rest_is_used() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let mut damaged: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut add = |name: &str, data: &[u8]| {
        drop(damaged.insert(format!("/services/app/{name}"), data.to_vec()))
    };
    add("empty", b"");
    add("not-json", b"not json");
    add("not-text", b"\xff\xfe\x00");
    add("null", b"null");
    add("list", b"[]");
    add(
        "class-only",
        br#"{"@class":"org.apache.dubbo.registry.zookeeper.ZookeeperInstance"}"#,
    );
    add(
        "payload-class-only",
        br#"{"address":"127.0.0.1","port":20000,"payload":{"@class":"x"}}"#,
    );
    add(
        "metadata-list",
        br#"{"address":"127.0.0.1","port":20000,"payload":{"metadata":[]}}"#,
    );
    add(
        "address-number",
        br#"{"address":7,"port":20000,"payload":{"metadata":{}}}"#,
    );
    add(
        "address-bad",
        br#"{"address":"a b","port":20000,"payload":{"metadata":{}}}"#,
    );
    add(
        "port-big",
        br#"{"address":"127.0.0.1","port":70000,"payload":{"metadata":{}}}"#,
    );
    add(
        "port-zero",
        br#"{"address":"127.0.0.1","port":0,"payload":{"metadata":{}}}"#,
    );
    add(
        "port-text",
        br#"{"address":"127.0.0.1","port":"x","payload":{"metadata":{}}}"#,
    );
    add(
        "endpoints-bad",
        &instance(20000, json!({"dubbo.endpoints": "tri:20000"})),
    );
    add(
        "endpoints-port",
        &instance(
            20000,
            json!({"dubbo.endpoints": r#"[{"port":0,"protocol":"tri"}]"#}),
        ),
    );
    add(
        "endpoints-protocol",
        &instance(
            20000,
            json!({"dubbo.endpoints": r#"[{"port":1,"protocol":"dubbo"}]"#}),
        ),
    );
    add("deep", "[".repeat(10_000).as_bytes());
    add("huge", &vec![b' '; 500 * 1024]);
    for (path, data) in &damaged {
        put_persistent(&operator, path, data).await;
    }
    put_instance(&operator, "/services/app/whole", 20001).await;
    put_persistent(&operator, MAPPING, b"app,a/b,..,gone").await;
    put_persistent(
        &operator,
        "/dubbo/greet.GreetService/providers/not-a-url",
        b"",
    )
    .await;
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let subscription = registry.subscribe(reference());
    until(&subscription, &[20001]).await;
    let mut expected: Vec<String> = damaged.into_keys().collect();
    expected.extend(
        [
            MAPPING,
            MAPPING,
            "/dubbo/greet.GreetService/providers/not-a-url",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    let told = || {
        let mut told = recorder.malformed();
        told.sort();
        told
    };
    eventually(LONG, "each is told", async || told() == expected).await;
    // Another change makes the lists be read again, and a reconnection everything: nothing is told twice.
    put_instance(&operator, "/services/app/more", 20002).await;
    put_persistent(
        &operator,
        "/dubbo/greet.GreetService/providers/tri%3A%2F%2Fh%3A20003%2Fgreet.GreetService",
        b"",
    )
    .await;
    until(&subscription, &[20001, 20002, 20003]).await;
    assert_eq!(told(), expected);
    // A new state of a node is told again.
    put_persistent(&operator, "/services/app/empty", b"still wrong").await;
    eventually(LONG, "the new state is told", async || {
        told().len() == expected.len() + 1
    })
    .await;
}

#[tokio::test]
async fn a_mapping_that_turns_to_garbage_leaves_what_is_known() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    put_persistent(&operator, MAPPING, b"app").await;
    put_instance(&operator, "/services/app/a", 20001).await;
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let subscription = registry.subscribe(reference());
    until(&subscription, &[20001]).await;
    put_persistent(&operator, MAPPING, b"\xff\xfe").await;
    eventually(LONG, "the damage is told", async || {
        recorder.malformed() == [MAPPING]
    })
    .await;
    put_instance(&operator, "/services/app/b", 20002).await;
    until(&subscription, &[20001, 20002]).await;
}

#[tokio::test]
async fn an_instance_of_revision_zero_is_left_out_in_silence() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    put_persistent(&operator, MAPPING, b"app").await;
    put_persistent(
        &operator,
        "/services/app/a",
        &instance(20001, json!({"dubbo.metadata.revision": "0"})),
    )
    .await;
    put_persistent(
        &operator,
        "/services/app/b",
        &instance(20002, json!({"dubbo.metadata.revision": "1"})),
    )
    .await;
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let subscription = registry.subscribe(reference());
    until(&subscription, &[20002]).await;
    assert_eq!(recorder.malformed(), [""; 0]);
}

#[tokio::test]
async fn an_instance_that_changes_its_data_is_read_again() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    put_persistent(&operator, MAPPING, b"app").await;
    put_instance(&operator, "/services/app/a", 20001).await;
    let registry = connect(zookeeper.address());
    let subscription = registry.subscribe(reference());
    until(&subscription, &[20001]).await;
    for port in [20002, 20003, 20004] {
        put_persistent(
            &operator,
            "/services/app/a",
            &instance(1, json!({"dubbo.endpoints": endpoint(port)})),
        )
        .await;
        until(&subscription, &[port]).await;
    }
    operator.delete("/services/app/a", None).await.unwrap();
    put_persistent(
        &operator,
        "/services/app/a",
        &instance(1, json!({"dubbo.endpoints": endpoint(20005)})),
    )
    .await;
    until(&subscription, &[20005]).await;
}

#[tokio::test]
async fn both_kinds_of_registration_are_merged_by_address() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let folder = "/dubbo/greet.GreetService/providers";
    for port in [20001, 20002] {
        let url = format!(
            "tri%3A%2F%2F127.0.0.1%3A{port}%2Fgreet.GreetService%3Fapplication%3Dold-app%26weight%3D7"
        );
        put_persistent(&operator, &format!("{folder}/{url}"), b"").await;
    }
    put_persistent(
        &operator,
        &format!("{folder}/tri%3A%2F%2Fh%3A1%2Fgreet.GreetService%3Fversion%3D9"),
        b"",
    )
    .await;
    let registry = connect(zookeeper.address());
    let subscription = registry.subscribe(reference());
    until(&subscription, &[20001, 20002]).await;
    registry
        .register(registration("new-app", 20002))
        .done()
        .await
        .unwrap();
    registry
        .register(registration("new-app", 20003))
        .done()
        .await
        .unwrap();
    until(&subscription, &[20001, 20002, 20003]).await;
    let list = subscription.providers();
    let applications: Vec<_> = list
        .iter()
        .map(|provider| provider.application.as_str())
        .collect();
    assert_eq!(
        applications,
        ["old-app", "new-app", "new-app"],
        "the application-level entry wins"
    );
    assert_eq!(list[0].weight, 7);
}
#[tokio::test]
async fn the_last_resort_ends_after_its_time_or_with_a_new_provider() {
    let zookeeper = ZooKeeper::start().await;
    let config = ZooKeeperConfig::new(zookeeper.address()).last_resort(Duration::from_secs(2));
    let recorder = Recorder::default();
    let registry = connect_with(config, &recorder);
    let subscription = registry.subscribe(reference());
    let announcement = registry.register(registration("my-app", 20001));
    until(&subscription, &[20001]).await;
    announcement.withdraw().await.unwrap();
    eventually(LONG, "the provider is marked", async || {
        !subscription.providers()[0].listed
    })
    .await;
    registry
        .register(registration("my-app", 20002))
        .done()
        .await
        .unwrap();
    until(&subscription, &[20002]).await;
    assert!(subscription.providers()[0].listed);
    registry.close().await;
    let registry = connect_with(
        ZooKeeperConfig::new(zookeeper.address()).last_resort(Duration::from_secs(1)),
        &recorder,
    );
    let subscription = registry.subscribe(reference());
    let announcement = registry.register(registration("my-app", 20003));
    until(&subscription, &[20003]).await;
    announcement.withdraw().await.unwrap();
    until(&subscription, &[]).await;
    let resorts = |event: &Event| {
        matches!(
            event,
            Event::Notified(Notification {
                last_resort: 1,
                listed: 0,
                ..
            })
        )
    };
    assert_eq!(recorder.count(resorts), 2, "{recorder:?}");
}

#[tokio::test]
async fn a_dropped_subscription_stops_reading() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let registry = connect(zookeeper.address());
    let subscription = registry.subscribe(reference());
    put_instance(&operator, "/services/app/a", 20001).await;
    put_persistent(&operator, MAPPING, b"app").await;
    until(&subscription, &[20001]).await;
    let watches = async || zookeeper.ask("wchc").await;
    let while_subscribed = watches().await.unwrap();
    assert!(
        while_subscribed.contains("/services/app/a"),
        "{while_subscribed}"
    );
    drop(subscription);
    eventually(LONG, "nothing is watched any more", async || {
        let left = watches().await?;
        // A session may be named, but no path.
        if !left.contains('/') {
            Ok(())
        } else {
            Err(left)
        }
    })
    .await;
}
