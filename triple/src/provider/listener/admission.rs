//! How many connections a provider serves at a time.

use tokio_util::task::TaskTracker;

/// The most connections at a time. Each costs some ten kilobytes, and every consumer has a few.
const MOST: usize = 10_000;

/// The part of the process's file descriptors that connections may have; the rest is for ZooKeeper, scrapes, pushes, probes.
const SHARE: usize = 2;

/// Admits connections up to a limit; further ones are closed at once, so that their consumers turn to other providers.
#[derive(Debug)]
pub(super) struct Admission {
    most: usize,
    refusing: bool,
}

impl Admission {
    /// Makes the limit fit the file descriptors that this process may open.
    pub(super) fn new() -> Self {
        Self {
            most: guarded_http::share_of_descriptors(SHARE, MOST),
            refusing: false,
        }
    }

    /// Returns whether there is room for one more, and tells the log when that changes.
    pub(super) fn admits(&mut self, connections: &TaskTracker) -> bool {
        let refuse = connections.len() >= self.most;
        if refuse && !self.refusing {
            let most = self.most;
            tracing::warn!(most, "too many connections: further ones are refused");
        }
        self.refusing = refuse;
        !refuse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_ends_makes_room_for_another() {
        let connections = TaskTracker::new();
        let mut admission = Admission {
            most: 2,
            refusing: false,
        };
        let (_one, two) = (connections.token(), connections.token());
        assert!(!admission.admits(&connections), "two are served");
        drop(two);
        assert!(admission.admits(&connections), "one is served");
    }
}
