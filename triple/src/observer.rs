//! Reports what the registry does to the metrics of the process.

use std::time::Duration;

use dubbo_registry::{
    Error, Malformed, Notification, Observer, Reference, Registration, SessionEvent,
};
use metrics_core::{Metrics, RegistryMetrics};

/// Counts what a registry does, which knows no metrics, on the registry's families.
#[derive(Clone, Debug)]
pub struct MeasuringObserver {
    metrics: RegistryMetrics,
}

impl MeasuringObserver {
    /// Makes an observer that counts on these metrics.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            metrics: metrics.registry().clone(),
        }
    }
}

impl Observer for MeasuringObserver {
    fn session(&self, event: SessionEvent) {
        match event {
            SessionEvent::Established => self.metrics.session_started(),
            SessionEvent::Reconnected => self.metrics.connected(true),
            SessionEvent::Disconnected | SessionEvent::Expired | SessionEvent::Closed => {
                self.metrics.connected(false);
            }
        }
    }

    fn registered(&self, _: &Registration, result: Result<(), &Error>, elapsed: Duration) {
        self.metrics.registered(result.is_ok(), elapsed);
    }

    fn subscribed(&self, reference: &Reference, result: Result<(), &Error>, elapsed: Duration) {
        self.metrics
            .subscribed(reference.interface(), result.is_ok(), elapsed);
    }

    fn notified(&self, _: &Reference, notification: Notification) {
        self.metrics
            .notified(notification.valid, notification.elapsed);
    }

    fn metadata(&self, _: &str, fetched: bool, elapsed: Duration) {
        self.metrics.metadata_fetched(fetched, elapsed);
    }

    fn malformed(&self, _: &str, _: &Malformed) {
        self.metrics.malformed();
    }
}
