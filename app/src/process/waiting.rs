//! What a process waits for before it is ready, as the readiness probe names it.

use std::sync::Arc;

use dubbo_registry::{Observer, SessionEvent};
use metrics_core::Readiness;
use parking_lot::Mutex;

/// Names what is missing: ZooKeeper first, then what is found through it. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    readiness: Readiness,
    missing: Arc<Mutex<Missing>>,
}

#[derive(Debug)]
struct Missing {
    /// The address of ZooKeeper, while there is no session with it.
    zookeeper: Option<String>,
    /// The address of ZooKeeper, where it is used.
    address: Option<String>,
    /// What the process needs besides.
    work: String,
}

impl Waiting {
    /// Begins to wait: for ZooKeeper at `address`, where it is used.
    pub(crate) fn new(readiness: &Readiness, address: Option<String>) -> Self {
        let missing = Missing {
            zookeeper: address.clone(),
            address,
            work: "starting".to_owned(),
        };
        let waiting = Self {
            readiness: readiness.clone(),
            missing: Arc::new(Mutex::new(missing)),
        };
        waiting.tell(&waiting.missing.lock());
        waiting
    }

    /// Names what the process needs when ZooKeeper is there.
    pub(crate) fn needs(&self, work: impl Into<String>) {
        let mut missing = self.missing.lock();
        missing.work = work.into();
        self.tell(&missing);
    }

    fn tell(&self, missing: &Missing) {
        self.readiness.waiting(match &missing.zookeeper {
            Some(address) => format!("waiting for ZooKeeper at {address}"),
            None => missing.work.clone(),
        });
    }
}

impl Observer for Waiting {
    fn session(&self, event: SessionEvent) {
        let mut missing = self.missing.lock();
        missing.zookeeper = match event {
            SessionEvent::Established | SessionEvent::Reconnected => None,
            SessionEvent::Disconnected | SessionEvent::Expired | SessionEvent::Closed => {
                missing.address.clone()
            }
        };
        self.tell(&missing);
    }
}
