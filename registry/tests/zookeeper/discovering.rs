//! What a consumer finds: every way to register, every kind of damage.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dubbo_registry::{
    DEFAULT_WEIGHT, MetadataError, MetadataInfo, MetadataRequest, MetadataSource, Notification,
    Registration, Registry, ServiceInfo, ServiceMetadata, Subscription, ZooKeeperConfig,
    ZooKeeperRegistry,
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use test_servers::{ZooKeeper, eventually};
use zookeeper_client::{Client, CreateMode};

use crate::support::*;

const MAPPING: &str = "/dubbo/mapping/greet.GreetService";

/// The node of an instance with this metadata, at port 20000 of 127.0.0.1.
fn instance(port: u16, metadata: Value) -> Vec<u8> {
    json!({"name": "app", "id": format!("127.0.0.1:{port}"), "address": "127.0.0.1", "port": port,
           "payload": {"@class": "org.apache.dubbo.registry.zookeeper.ZookeeperInstance", "metadata": metadata}})
    .to_string()
    .into_bytes()
}

fn endpoint(port: u16) -> String {
    json!([{"port": port, "protocol": "tri"}]).to_string()
}

async fn put_persistent(client: &Client, path: &str, data: &[u8]) {
    put(client, path, data, CreateMode::Persistent).await;
}

async fn until(subscription: &Subscription, expected: &[u16]) {
    eventually(LONG, "the list is as expected", async || {
        let found = ports(&subscription.providers());
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
}

async fn until_listed(subscription: &Subscription, port: u16) {
    eventually(LONG, "it is in the list", async || {
        ports(&subscription.providers()).contains(&port)
    })
    .await;
}

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
    put_persistent(
        &operator,
        "/services/app/whole",
        &instance(20001, json!({"dubbo.endpoints": endpoint(20001)})),
    )
    .await;
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
    put_persistent(
        &operator,
        "/services/app/more",
        &instance(20002, json!({"dubbo.endpoints": endpoint(20002)})),
    )
    .await;
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
    put_persistent(
        &operator,
        "/services/app/a",
        &instance(20001, json!({"dubbo.endpoints": endpoint(20001)})),
    )
    .await;
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let subscription = registry.subscribe(reference());
    until(&subscription, &[20001]).await;
    put_persistent(&operator, MAPPING, b"\xff\xfe").await;
    eventually(LONG, "the damage is told", async || {
        recorder.malformed() == [MAPPING]
    })
    .await;
    put_persistent(
        &operator,
        "/services/app/b",
        &instance(20002, json!({"dubbo.endpoints": endpoint(20002)})),
    )
    .await;
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
    put_persistent(
        &operator,
        "/services/app/a",
        &instance(20001, json!({"dubbo.endpoints": endpoint(20001)})),
    )
    .await;
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

/// Answers with the metadata of the registrations it knows, and remembers what it was asked.
#[derive(Clone, Debug, Default)]
struct Source {
    known: BTreeMap<String, MetadataInfo>,
    asked: Arc<Mutex<Vec<MetadataRequest>>>,
    /// How many questions are open, and how many were at most.
    asking: Arc<Mutex<(usize, usize)>>,
    hangs: bool,
}

/// A question that is open for as long as this lives.
struct Open(Arc<Mutex<(usize, usize)>>);

impl Open {
    fn new(asking: &Arc<Mutex<(usize, usize)>>) -> Self {
        let (open, most) = &mut *asking.lock();
        *open += 1;
        *most = (*most).max(*open);
        Self(Arc::clone(asking))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().0 -= 1;
    }
}

impl MetadataSource for Source {
    fn fetch(
        &self,
        request: MetadataRequest,
    ) -> BoxFuture<'_, Result<MetadataInfo, MetadataError>> {
        let answer = self.known.get(&request.revision).cloned();
        self.asked.lock().push(request);
        let open = Open::new(&self.asking);
        Box::pin(async move {
            let _open = open;
            if self.hangs {
                std::future::pending::<()>().await;
            }
            answer.ok_or_else(|| "unknown revision".into())
        })
    }
}

fn asking(zookeeper: &ZooKeeper, source: &Source) -> ZooKeeperRegistry {
    let config = ZooKeeperConfig::new(zookeeper.address());
    ZooKeeperRegistry::connect(config, Arc::new(()), Arc::new(source.clone()))
        .expect("the address is one")
}

fn versioned(port: u16, version: &str) -> Registration {
    let mut params = BTreeMap::new();
    params.insert("weight".to_owned(), "7".to_owned());
    let service = ServiceInfo {
        interface: INTERFACE.into(),
        version: version.into(),
        params,
        ..ServiceInfo::default()
    };
    Registration::new("my-app", "127.0.0.1", port, vec![service]).expect("these are names")
}

#[tokio::test]
async fn metadata_tells_versions_apart_and_is_asked_for_once_a_revision() {
    let zookeeper = ZooKeeper::start().await;
    let registrations = [
        versioned(20001, "1.0.0"),
        versioned(20002, "1.0.0"),
        versioned(20003, "2.0.0"),
    ];
    let known = registrations
        .iter()
        .map(|registration| (registration.revision(), registration.metadata()));
    let source = Source {
        known: known.collect(),
        ..Source::default()
    };
    let registry = asking(&zookeeper, &source);
    for registration in registrations {
        registry.register(registration).done().await.unwrap();
    }
    let first = registry.subscribe(reference().version("1.0.0"));
    until(&first, &[20001, 20002]).await;
    let second = registry.subscribe(reference().version("2.0.0"));
    until(&second, &[20003]).await;
    assert_eq!(second.providers()[0].weight, 7);
    assert_eq!(second.providers()[0].version, "2.0.0");
    let none = registry.subscribe(reference());
    assert!(none.providers().is_empty());
    let asked = source.asked.lock().clone();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked
            .iter()
            .all(|request| request.application == "my-app" && request.version == "2.0.0"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_instance_that_does_not_tell_its_metadata_is_taken_as_it_is() {
    let zookeeper = ZooKeeper::start().await;
    let registry = asking(&zookeeper, &Source::default());
    registry
        .register(versioned(20001, "1.0.0"))
        .done()
        .await
        .unwrap();
    let subscription = registry.subscribe(reference().version("9.0.0"));
    until(&subscription, &[20001]).await;
}

#[tokio::test]
async fn an_instance_that_hangs_does_not_hold_up_the_others() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let registry = asking(
        &zookeeper,
        &Source {
            hangs: true,
            ..Source::default()
        },
    );
    put_persistent(
        &operator,
        "/services/other/a",
        &instance(20002, json!({"dubbo.endpoints": endpoint(20002)})),
    )
    .await;
    put_persistent(&operator, MAPPING, b"other").await;
    registry
        .register(versioned(20001, "1.0.0"))
        .done()
        .await
        .unwrap();
    let subscription = registry.subscribe(reference());
    until_listed(&subscription, 20002).await;
    // Its deadline passes, and it is taken as it is.
    until(&subscription, &[20001, 20002]).await;
}

#[tokio::test]
async fn a_hundred_instances_that_hang_do_not_hold_up_a_change_of_the_list() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let source = Source {
        hangs: true,
        ..Source::default()
    };
    let registry = asking(&zookeeper, &source);
    for port in 21000..21100 {
        // Each has a revision of its own, so each has to be asked.
        let node = versioned(port, &format!("1.0.{port}")).node();
        put_persistent(
            &operator,
            &format!("/services/slow/127.0.0.1:{port}"),
            node.as_bytes(),
        )
        .await;
    }
    put_persistent(
        &operator,
        "/services/fast/a",
        &instance(20001, json!({"dubbo.endpoints": endpoint(20001)})),
    )
    .await;
    put_persistent(&operator, MAPPING, b"slow,fast").await;
    let subscription = registry.subscribe(reference());
    until_listed(&subscription, 20001).await;
    put_persistent(
        &operator,
        "/services/fast/b",
        &instance(20002, json!({"dubbo.endpoints": endpoint(20002)})),
    )
    .await;
    until_listed(&subscription, 20002).await;
    let (_, most) = *source.asking.lock();
    assert!((1..=32).contains(&most), "{most} were asked at once");
}

#[tokio::test]
async fn remote_metadata_is_read_from_zookeeper() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    put_persistent(&operator, MAPPING, b"app").await;
    let remote = |port: u16, revision: &str| {
        instance(
            port,
            json!({
                "dubbo.endpoints": endpoint(port), "dubbo.metadata.revision": revision,
                "dubbo.metadata.storage-type": "remote",
            }),
        )
    };
    put_persistent(&operator, "/services/app/a", &remote(20001, "right")).await;
    put_persistent(&operator, "/services/app/b", &remote(20002, "other")).await;
    put_persistent(&operator, "/services/app/c", &remote(20003, "broken")).await;
    put_persistent(&operator, "/services/app/d", &remote(20004, "missing")).await;
    let service = |name: &str| ServiceMetadata {
        name: name.into(),
        protocol: "tri".into(),
        params: BTreeMap::from([("weight".to_owned(), "5".to_owned())]),
        ..ServiceMetadata::default()
    };
    for (revision, name) in [("right", INTERFACE), ("other", "other.Service")] {
        let info = MetadataInfo {
            app: "app".into(),
            revision: revision.into(),
            services: BTreeMap::from([("any key".to_owned(), service(name))]),
        };
        let data = serde_json::to_vec(&info).unwrap();
        put_persistent(&operator, &format!("/dubbo/app/{revision}"), &data).await;
    }
    put_persistent(&operator, "/dubbo/app/broken", b"broken").await;
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let subscription = registry.subscribe(reference());
    until(&subscription, &[20001, 20003, 20004]).await;
    assert_eq!(subscription.providers()[0].weight, 5);
    assert_eq!(recorder.malformed(), ["/dubbo/app/broken"]);
    assert_eq!(recorder.count(|event| *event == Event::Metadata(true)), 2);
}

#[tokio::test]
async fn the_last_resort_ends_after_its_time_or_with_a_new_provider() {
    let zookeeper = ZooKeeper::start().await;
    let config = ZooKeeperConfig {
        last_resort: Duration::from_secs(2),
        ..ZooKeeperConfig::new(zookeeper.address())
    };
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
        ZooKeeperConfig {
            last_resort: Duration::from_secs(1),
            ..ZooKeeperConfig::new(zookeeper.address())
        },
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
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let subscription = registry.subscribe(reference());
    let list = subscription.watch();
    registry
        .register(registration("my-app", 20001))
        .done()
        .await
        .unwrap();
    until(&subscription, &[20001]).await;
    drop(subscription);
    eventually(LONG, "nobody feeds the list any more", async || {
        list.has_changed().is_err()
    })
    .await;
}
