//! A task of the registry that panics is counted and begun again.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dubbo_registry::{
    Error, Notification, Observer, Reference, Registration, Registry, SessionEvent,
    ZooKeeperConfig, ZooKeeperRegistry,
};
use parking_lot::Mutex;
use test_servers::{LONG, ZooKeeper, eventually};
use tokio::time::timeout;

use crate::support::*;

/// Panics in each of its methods, the first time.
#[derive(Debug, Default)]
struct Faulty {
    panicked_in: Mutex<HashSet<&'static str>>,
    counted: AtomicUsize,
}

impl Faulty {
    fn panic_once(&self, method: &'static str) {
        let is_first = self.panicked_in.lock().insert(method);
        assert!(!is_first, "a fault in {method}");
    }
}

impl Observer for Faulty {
    fn session(&self, event: SessionEvent) {
        if event == SessionEvent::Established {
            self.panic_once("session");
        }
    }

    fn registered(&self, _: &Registration, _: Result<(), &Error>, _: Duration) {
        self.panic_once("registered");
    }

    fn subscribed(&self, _: &Reference, _: Result<(), &Error>, _: Duration) {
        self.panic_once("subscribed");
    }

    fn notified(&self, _: &Reference, _: Notification) {
        self.panic_once("notified");
    }

    fn panicked(&self) {
        self.counted.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn session_announcer_and_discovery_go_on_after_a_panic() {
    let zookeeper = ZooKeeper::start().await;
    let faulty = Arc::new(Faulty::default());
    let registry = ZooKeeperRegistry::connect(
        ZooKeeperConfig::new(zookeeper.address()),
        Arc::clone(&faulty) as Arc<dyn Observer>,
        Arc::new(()),
    )
    .unwrap();
    let mut subscription = registry.subscribe(reference());
    let announcement = registry.register(registration("my-app", 20000));
    timeout(LONG, announcement.done()).await.unwrap().unwrap();
    available(&mut subscription).await;
    eventually(LONG, "each task has panicked and was counted", async || {
        let counted = faulty.counted.load(Ordering::Relaxed);
        (counted == 4).then_some(()).ok_or(counted)
    })
    .await;

    // All of them still work.
    let second = registry.register(registration("my-app", 20001));
    timeout(LONG, second.done()).await.unwrap().unwrap();
    eventually(LONG, "the list follows", async || {
        let list = ports(&subscription.providers());
        (list == [20000, 20001]).then_some(()).ok_or(list)
    })
    .await;
    timeout(LONG, announcement.withdraw())
        .await
        .unwrap()
        .unwrap();
    eventually(LONG, "the list follows", async || {
        let list = ports(&subscription.providers());
        (list == [20001]).then_some(()).ok_or(list)
    })
    .await;
}
