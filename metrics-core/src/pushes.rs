//! How pushing goes, for the families about it.

use std::sync::Arc;

use parking_lot::Mutex;

/// How pushing goes; exported once there is a pusher.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pushes(Arc<Mutex<Option<Counts>>>);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// When a push last succeeded, in unix seconds; 0 before the first.
    pub(crate) last_success_seconds: f64,
}

impl Pushes {
    #[cfg(feature = "push")]
    pub(crate) fn begin(&self) {
        self.0.lock().get_or_insert_default();
    }

    #[cfg(feature = "push")]
    pub(crate) fn count(&self, succeeded: bool) {
        let mut counts = self.0.lock();
        let counts = counts.get_or_insert_default();
        if succeeded {
            counts.succeeded += 1;
            counts.last_success_seconds = crate::clock::unix_seconds();
        } else {
            counts.failed += 1;
        }
    }

    /// Returns what was counted so far; none without a pusher.
    pub(crate) fn counts(&self) -> Option<Counts> {
        *self.0.lock()
    }
}
