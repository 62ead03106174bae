//! What instances offer: asked of themselves or read from ZooKeeper, and what happens to those that do not tell.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use dubbo_registry::{
    MetadataError, MetadataInfo, MetadataRequest, MetadataSource, Registration, Registry,
    ServiceInfo, ServiceMetadata, ZooKeeperConfig, ZooKeeperRegistry,
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::json;
use test_servers::ZooKeeper;
use zookeeper_client::Client;

use crate::support::*;

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

fn versioned(host: &str, port: u16, version: &str) -> Registration {
    let mut params = BTreeMap::new();
    params.insert("weight".to_owned(), "7".to_owned());
    let service = ServiceInfo {
        interface: INTERFACE.into(),
        version: version.into(),
        params,
        ..ServiceInfo::default()
    };
    Registration::new("my-app", host, port, vec![service]).expect("these are names")
}

#[tokio::test]
async fn metadata_tells_versions_apart_and_is_asked_for_once_a_revision() {
    let zookeeper = ZooKeeper::start().await;
    let registrations = [
        versioned("127.0.0.1", 20001, "1.0.0"),
        versioned("127.0.0.2", 20001, "1.0.0"),
        versioned("127.0.0.1", 20003, "2.0.0"),
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
    until(&first, &[20001, 20001]).await;
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
        .register(versioned("127.0.0.1", 20001, "1.0.0"))
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
    put_instance(&operator, "/services/other/a", 20002).await;
    put_persistent(&operator, MAPPING, b"other").await;
    registry
        .register(versioned("127.0.0.1", 20001, "1.0.0"))
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
        let node = versioned("127.0.0.1", port, &format!("1.0.{port}")).node_data();
        put_persistent(
            &operator,
            &format!("/services/slow/127.0.0.1:{port}"),
            node.as_bytes(),
        )
        .await;
    }
    put_instance(&operator, "/services/fast/a", 20001).await;
    put_persistent(&operator, MAPPING, b"slow,fast").await;
    let subscription = registry.subscribe(reference());
    until_listed(&subscription, 20001).await;
    put_instance(&operator, "/services/fast/b", 20002).await;
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
    // Dubbo for Java and dubbo-go keep it at different places.
    for (folder, revision, name) in [
        ("/dubbo/metadata/app", "right", INTERFACE),
        ("/dubbo/app", "other", "other.Service"),
    ] {
        let info = MetadataInfo {
            app: "app".into(),
            revision: revision.into(),
            services: BTreeMap::from([("any key".to_owned(), service(name))]),
        };
        let data = serde_json::to_vec(&info).unwrap();
        put_persistent(&operator, &format!("{folder}/{revision}"), &data).await;
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

/// Registers an instance whose metadata is in ZooKeeper, where Dubbo for Java keeps it and as it writes it.
async fn java_instance(operator: &Client, port: u16, group: &str, version: &str) {
    let revision = format!("revision{port}");
    let node = instance(
        port,
        json!({
            "dubbo.endpoints": endpoint(port), "dubbo.metadata.revision": revision,
            "dubbo.metadata.storage-type": "remote", "meta-v": "2.0.0",
            "timestamp": "1795626689732",
        }),
    );
    let key = format!("{group}/{INTERFACE}:{version}:tri");
    let metadata = json!({"app": "java-app", "revision": revision, "services": {key: {
        "name": INTERFACE, "group": group, "version": version, "protocol": "tri", "port": port, "path": INTERFACE,
        "params": {"side": "provider", "release": "3.3.6", "methods": "greet,greetAsync", "group": group, "version": version},
    }}});
    let metadata = metadata.to_string();
    let folder = "/dubbo/metadata/java-app";
    put_persistent(
        operator,
        &format!("{folder}/{revision}"),
        metadata.as_bytes(),
    )
    .await;
    let path = format!("/services/java-app/127.0.0.1:{port}");
    put_persistent(operator, &path, &node).await;
}

#[tokio::test]
async fn groups_and_versions_of_remote_metadata_are_told_apart_in_a_mixed_cluster() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    // What else Dubbo for Java keeps in the report center, and an older copy that makes no sense.
    let other = format!("/dubbo/metadata/{INTERFACE}/provider/java-app");
    put_persistent(&operator, &other, b"{\"parameters\":{}}").await;
    put_persistent(&operator, "/dubbo/java-app/revision20001", b"127.0.0.1").await;
    java_instance(&operator, 20001, "blue", "1.0.0").await;
    java_instance(&operator, 20002, "green", "1.0.0").await;
    java_instance(&operator, 20003, "blue", "2.0.0").await;
    put_persistent(&operator, MAPPING, b"java-app").await;

    let ours = versioned("127.0.0.1", 20004, "1.0.0");
    let mut services = ours.services().to_vec();
    services[0].group = "blue".into();
    let ours = Registration::new("my-app", "127.0.0.1", 20004, services).unwrap();
    let source = Source {
        known: BTreeMap::from([(ours.revision(), ours.metadata())]),
        ..Source::default()
    };
    let registry = asking(&zookeeper, &source);
    registry.register(ours).done().await.unwrap();

    let blue = reference().group("blue");
    let first = registry.subscribe(blue.clone().version("1.0.0"));
    until(&first, &[20001, 20004]).await;
    let java = &first.providers()[0];
    assert_eq!((java.group.as_str(), java.weight), ("blue", 100));
    assert_eq!(
        java.started(),
        Some(UNIX_EPOCH + Duration::from_millis(1_795_626_689_732))
    );
    until(&registry.subscribe(blue.version("2.0.0")), &[20003]).await;
    let green = reference().group("green").version("1.0.0");
    until(&registry.subscribe(green), &[20002]).await;
}
