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
    /// Makes an observer that counts on these metrics, which show from now on that there is a registry, not connected yet.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let metrics = metrics.discovery().clone();
        metrics.connected(false);
        Self { metrics }
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

    fn panicked(&self) {
        self.metrics.panicked();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_was_never_reached_shows_as_not_connected() {
        let metrics = Metrics::new(metrics_core::Config::default()).unwrap();
        let families = [
            "dubbo_registry_connected",
            "dubbo_registry_sessions_total",
            "dubbo_registry_malformed_nodes_total",
        ];
        let value = |name: &str| {
            let text = metrics.text();
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{name}{{")))?;
            line.rsplit(' ').next()?.parse::<u64>().ok()
        };
        assert_eq!(families.map(value), [None; 3], "no registry is configured");
        let observer = MeasuringObserver::new(&metrics);
        assert_eq!(families.map(value), [Some(0); 3], "there is one");
        observer.session(SessionEvent::Established);
        assert_eq!(families.map(value), [Some(1), Some(1), Some(0)]);
    }
}
