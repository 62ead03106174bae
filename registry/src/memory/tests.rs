//! The registry in memory keeps the promises of the interface.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{Error, ServiceInfo};

fn registration(application: &str, port: u16, interface: &str) -> Registration {
    let service = ServiceInfo {
        interface: interface.into(),
        methods: vec!["Greet".into()],
        ..ServiceInfo::default()
    };
    Registration::new(application, "127.0.0.1", port, vec![service]).unwrap()
}

fn reference() -> Reference {
    Reference::new("a.A").unwrap()
}

fn ports(providers: &[ProviderEntry]) -> Vec<u16> {
    providers.iter().map(|provider| provider.port).collect()
}

#[tokio::test]
async fn a_consumer_that_starts_first_sees_the_provider_come_and_go() {
    let registry = MemoryRegistry::new();
    let mut subscription = registry.subscribe(reference());
    assert!(subscription.providers().is_empty());
    let announcement = registry.register(registration("app", 20000, "a.A"));
    announcement.done().await.unwrap();
    let list = subscription.available().await.unwrap();
    assert_eq!(list[0].address(), "127.0.0.1:20000");
    assert_eq!(
        (list[0].application.as_str(), list[0].interface.as_str()),
        ("app", "a.A")
    );
    assert_eq!(list[0].params["methods"], "Greet");
    assert!(list[0].listed);
    announcement.withdraw().await.unwrap();
    assert!(
        subscription.providers().is_empty(),
        "a confirmed withdrawal has reached the list"
    );
}

#[tokio::test]
async fn the_list_is_ordered_and_holds_only_what_was_asked_for() {
    let registry = MemoryRegistry::new();
    for port in [20003, 20001, 20002] {
        registry.register(registration("app", port, "a.A"));
    }
    registry.register(registration("app", 20009, "b.B"));
    let subscription = registry.subscribe(reference());
    assert_eq!(ports(&subscription.providers()), [20001, 20002, 20003]);
    let other_version = registry.subscribe(reference().version("1.0.0"));
    assert!(other_version.providers().is_empty());
}

#[tokio::test]
async fn closing_one_participant_leaves_the_others() {
    let first = MemoryRegistry::new();
    let second = first.join(Arc::new(()));
    first.register(registration("app", 20001, "a.A"));
    second.register(registration("app", 20002, "a.A"));
    let subscription = second.subscribe(reference());
    first.close().await;
    first.close().await;
    assert_eq!(ports(&subscription.providers()), [20002]);
    let late = first.register(registration("app", 20003, "a.A"));
    assert!(matches!(late.done().await, Err(Error::Closed)));
    assert_eq!(ports(&subscription.providers()), [20002]);
}

#[tokio::test]
async fn a_closed_registry_ends_its_subscriptions() {
    let registry = MemoryRegistry::new();
    let mut subscription = registry.subscribe(reference());
    registry.close().await;
    assert!(matches!(subscription.changed().await, Err(Error::Closed)));
}

#[tokio::test]
async fn scrape_targets_are_listed_until_they_are_withdrawn() {
    let registry = MemoryRegistry::new();
    let target = ScrapeTarget::new("app", "127.0.0.1", 9099).unwrap();
    let announcement = registry.expose(target.clone());
    assert_eq!(registry.targets(), [target]);
    announcement.withdraw().await.unwrap();
    assert!(registry.targets().is_empty());
}

#[derive(Debug, Default)]
struct Counts {
    registered: AtomicUsize,
    withdrawn: AtomicUsize,
    notified: AtomicUsize,
}

impl Observer for Counts {
    fn registered(&self, _: &Registration, result: Result<(), &Error>, _: Duration) {
        assert!(result.is_ok());
        self.registered.fetch_add(1, Ordering::Relaxed);
    }

    fn withdrawn(&self, _: &Registration) {
        self.withdrawn.fetch_add(1, Ordering::Relaxed);
    }

    fn notified(&self, _: &Reference, _: Notification) {
        self.notified.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn the_observer_hears_of_every_change_once() {
    let counts = Arc::new(Counts::default());
    let registry = MemoryRegistry::observed(Arc::clone(&counts) as Arc<dyn Observer>);
    let _subscription = registry.subscribe(reference());
    let announcement = registry.register(registration("app", 20000, "a.A"));
    registry.register(registration("app", 20001, "b.B"));
    announcement.withdraw().await.unwrap();
    let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    assert_eq!(
        (
            read(&counts.registered),
            read(&counts.withdrawn),
            read(&counts.notified)
        ),
        (2, 1, 2)
    );
}

#[tokio::test]
async fn a_subscription_that_is_dropped_is_forgotten() {
    let registry = MemoryRegistry::new();
    let subscription = registry.subscribe(reference());
    drop(subscription);
    tokio::time::timeout(Duration::from_secs(30), async {
        while !registry.shared.content.lock().subscribers.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the subscriber is removed");
}
