//! Watches of nodes, with servers that cannot take one back.

use tokio::task::JoinHandle;
use zookeeper_client::{OneshotWatcher, WatchedEvent};

/// A watch that fires once.
#[derive(Debug)]
pub(super) struct Watch {
    set: Set,
}

#[derive(Debug)]
enum Set {
    /// Dropping it takes it back from the server.
    Removable(OneshotWatcher),
    /// It stays until it fires or its session ends, also when no task waits for it.
    Kept(JoinHandle<WatchedEvent>),
}

impl Watch {
    pub(super) fn removable(watcher: OneshotWatcher) -> Self {
        Self {
            set: Set::Removable(watcher),
        }
    }

    /// Keeps a watch that the server, older than 3.5, cannot take back: the request would cost the connection.
    pub(super) fn kept(watcher: OneshotWatcher) -> Self {
        Self {
            set: Set::Kept(tokio::spawn(watcher.changed())),
        }
    }

    /// Waits until the node has changed or the session has ended.
    pub(super) async fn changed(self) {
        match self.set {
            Set::Removable(watcher) => drop(watcher.changed().await),
            Set::Kept(fires) => {
                if let Err(error) = fires.await
                    && error.is_panic()
                {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
    }
}
