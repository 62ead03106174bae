//! What instances offer: asked of themselves or read from ZooKeeper, and what happens to those that do not tell.

use std::{collections::BTreeMap, sync::Arc};

use dubbo_registry::{
    MetadataError, MetadataInfo, MetadataRequest, MetadataSource, Registration, Registry,
    ServiceInfo, ServiceMetadata, ZooKeeperConfig, ZooKeeperRegistry,
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::json;
use test_servers::ZooKeeper;

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
    put_instance(&operator, "/services/other/a", 20002).await;
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
        let node = versioned(port, &format!("1.0.{port}")).node_data();
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
