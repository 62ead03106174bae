//! How pushing goes, for the families about it.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::exposition::{Text, labels};
use crate::families::{PUSH_LAST_SUCCESS, PUSH_REQUESTS};

/// How pushing goes; exported once there is a pusher.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pushes(Arc<Mutex<Option<Counts>>>);

#[derive(Debug, Default)]
struct Counts {
    succeeded: u64,
    failed: u64,
    last_success_seconds: f64,
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

    pub(crate) fn write(&self, text: &mut Text, application: &str) {
        let counts = self.0.lock();
        let Some(Counts {
            succeeded,
            failed,
            last_success_seconds,
        }) = &*counts
        else {
            return;
        };
        PUSH_REQUESTS.begin(text);
        for (result, count) in [("success", succeeded), ("failure", failed)] {
            let result = labels([("result", result)]);
            text.count(PUSH_REQUESTS.name, application, &result, *count);
        }
        PUSH_LAST_SUCCESS.begin(text);
        let name = PUSH_LAST_SUCCESS.name;
        text.gauge(name, application, "", *last_success_seconds);
    }
}
