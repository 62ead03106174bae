//! What the tests on a real ZooKeeper share: registries, an operator's client, and an observer that remembers.

#![expect(clippy::unwrap_used, reason = "these are the hands of tests")]

use std::{fmt, sync::Arc, time::Duration};

use dubbo_registry::{
    Error, Malformed, Notification, Observer, ProviderEntry, Reference, Registration, Registry,
    ScrapeTarget, ServiceInfo, SessionEvent, Subscription, ZooKeeperConfig, ZooKeeperRegistry,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use test_servers::{LONG, ZooKeeper, eventually};
use tokio::time::timeout;
use zookeeper_client::{Acls, Client, CreateMode};

pub(crate) const INTERFACE: &str = "greet.GreetService";

/// The node that names the applications of [`INTERFACE`].
pub(crate) const MAPPING: &str = "/dubbo/mapping/greet.GreetService";

pub(crate) fn reference() -> Reference {
    Reference::new(INTERFACE).unwrap()
}

pub(crate) fn registration(application: &str, port: u16) -> Registration {
    let service = ServiceInfo {
        interface: INTERFACE.into(),
        methods: vec!["Greet".into()],
        ..ServiceInfo::default()
    };
    Registration::new(application, "127.0.0.1", port, vec![service]).unwrap()
}

/// Connects a registry without an observer.
pub(crate) fn connect(address: impl Into<String>) -> ZooKeeperRegistry {
    connect_with(ZooKeeperConfig::new(address), &Recorder::default())
}

pub(crate) fn connect_with(config: ZooKeeperConfig, recorder: &Recorder) -> ZooKeeperRegistry {
    ZooKeeperRegistry::connect(config, Arc::new(recorder.clone()), Arc::new(())).unwrap()
}

/// Announces an instance and a member, and waits until they are there.
pub(crate) async fn announce(registry: &dyn Registry) {
    let instance = registry.register(registration("my-app", 20000));
    let member = registry.expose(ScrapeTarget::new("my-app", "127.0.0.1", 9099).unwrap());
    timeout(LONG, instance.done()).await.unwrap().unwrap();
    timeout(LONG, member.done()).await.unwrap().unwrap();
}

/// Connects as an operator would, to look and to meddle.
pub(crate) async fn operator(zookeeper: &ZooKeeper) -> Client {
    Client::connect(&zookeeper.address()).await.unwrap()
}

/// Writes a node, and its parents where they are missing.
pub(crate) async fn put(client: &Client, path: &str, data: &[u8], mode: CreateMode) {
    let parents = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client
        .mkdir(&path[..path.rfind('/').unwrap()], &parents)
        .await
        .unwrap();
    match client
        .create(path, data, &mode.with_acls(Acls::anyone_all()))
        .await
    {
        Err(zookeeper_client::Error::NodeExists) => {
            client.set_data(path, data, None).await.unwrap();
        }
        result => {
            result.unwrap();
        }
    }
}

pub(crate) fn ports(providers: &[ProviderEntry]) -> Vec<u16> {
    providers.iter().map(|provider| provider.port).collect()
}

/// The node of an instance with this metadata.
pub(crate) fn instance(port: u16, metadata: Value) -> Vec<u8> {
    json!({"name": "app", "id": format!("127.0.0.1:{port}"), "address": "127.0.0.1", "port": port,
           "payload": {"@class": "org.apache.dubbo.registry.zookeeper.ZookeeperInstance", "metadata": metadata}})
    .to_string()
    .into_bytes()
}

pub(crate) fn endpoint(port: u16) -> String {
    json!([{"port": port, "protocol": "tri"}]).to_string()
}

/// Writes the node of an instance that offers Triple at `port` of 127.0.0.1 and says nothing else.
pub(crate) async fn put_instance(client: &Client, path: &str, port: u16) {
    let node = instance(port, json!({"dubbo.endpoints": endpoint(port)}));
    put_persistent(client, path, &node).await;
}

pub(crate) async fn put_persistent(client: &Client, path: &str, data: &[u8]) {
    put(client, path, data, CreateMode::Persistent).await;
}

/// Waits for the first providers, and returns their ports.
pub(crate) async fn available(subscription: &mut Subscription) -> Vec<u16> {
    let list = timeout(LONG, subscription.available()).await;
    ports(&list.expect("in time").expect("the registry is open"))
}

/// Waits until the list has these ports and no others.
pub(crate) async fn until(subscription: &Subscription, expected: &[u16]) {
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

/// Waits until the list has this port, among others.
pub(crate) async fn until_listed(subscription: &Subscription, port: u16) {
    eventually(LONG, "it is in the list", async || {
        ports(&subscription.providers()).contains(&port)
    })
    .await;
}

/// What the server knows of one path: the data and the session that owns it.
pub(crate) async fn node(client: &Client, path: &str) -> Option<(String, i64)> {
    let (data, stat) = client.get_data(path).await.ok()?;
    Some((String::from_utf8(data).unwrap(), stat.ephemeral_owner))
}

/// An observer that remembers everything.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Session(SessionEvent),
    Registered(Result<(), String>),
    Exposed(Result<(), String>),
    Withdrawn,
    Subscribed(Result<(), String>),
    Notified(Notification),
    Metadata(bool),
    Malformed(String, Malformed),
}

impl Recorder {
    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events
            .lock()
            .iter()
            .filter(|event| wanted(event))
            .count()
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.count(wanted) > 0
    }

    pub(crate) fn malformed(&self) -> Vec<String> {
        let events = self.events.lock();
        let paths = events.iter().filter_map(|event| match event {
            Event::Malformed(path, _) => Some(path.clone()),
            _ => None,
        });
        paths.collect()
    }

    fn add(&self, event: Event) {
        self.events.lock().push(event);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events.lock().iter()).finish()
    }
}

impl Observer for Recorder {
    fn session(&self, event: SessionEvent) {
        self.add(Event::Session(event));
    }

    fn registered(&self, _: &Registration, result: Result<(), &Error>, _: Duration) {
        self.add(Event::Registered(result.map_err(ToString::to_string)));
    }

    fn exposed(&self, _: &ScrapeTarget, result: Result<(), &Error>, _: Duration) {
        self.add(Event::Exposed(result.map_err(ToString::to_string)));
    }

    fn withdrawn(&self, _: &Registration) {
        self.add(Event::Withdrawn);
    }

    fn subscribed(&self, _: &Reference, result: Result<(), &Error>, _: Duration) {
        self.add(Event::Subscribed(result.map_err(ToString::to_string)));
    }

    fn notified(&self, _: &Reference, notification: Notification) {
        self.add(Event::Notified(notification));
    }

    fn metadata(&self, _: &str, fetched: bool, _: Duration) {
        self.add(Event::Metadata(fetched));
    }

    fn malformed(&self, path: &str, reason: &Malformed) {
        self.add(Event::Malformed(path.to_owned(), reason.clone()));
    }
}
