//! What a process exports: the families of its calls, of its registry, and of the process itself.

use super::series::{Labels, World, with};

/// Calls of one method in one process, per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    pub(super) side: &'static str,
    pub(super) rate: f64,
    /// Failures by kind, as the columns of [`KINDS`].
    pub(super) failed: [f64; 6],
    /// Calls per second that took at most 0.1, 0.25, 1 and 5 s.
    pub(super) buckets: [f64; 4],
    /// Seconds of all calls.
    pub(super) seconds: f64,
    pub(super) in_flight: f64,
    /// Samples before the first one of these calls.
    pub(super) since: usize,
    /// Attempts that succeeded and failed.
    pub(super) attempts: [f64; 2],
}

/// Kind, code, its name, whose fault it is, and the family beside `errors_total` that counts it.
pub(super) const KINDS: [(&str, &str, &str, &str, &str); 6] = [
    (
        "business",
        "17",
        "BUSINESS",
        "caller",
        "requests_business_failed_total",
    ),
    (
        "timeout",
        "4",
        "DEADLINE_EXCEEDED",
        "provider",
        "requests_timeout_total",
    ),
    (
        "unavailable",
        "14",
        "UNAVAILABLE",
        "provider",
        "requests_failed_service_unavailable_total",
    ),
    (
        "limit",
        "8",
        "RESOURCE_EXHAUSTED",
        "provider",
        "requests_limit_total",
    ),
    (
        "unknown",
        "2",
        "UNKNOWN",
        "provider",
        "requests_unknown_failed_total",
    ),
    ("unknown", "3", "INVALID_ARGUMENT", "caller", ""),
];

/// How a process stands with the registry, and whether it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    WithSession,
    WithoutSession,
    Killed,
}

pub(super) const NONE: Calls = Calls {
    side: "provider",
    rate: 0.0,
    failed: [0.0; 6],
    buckets: [0.0; 4],
    seconds: 0.0,
    in_flight: 0.0,
    since: 0,
    attempts: [0.0; 2],
};

/// Half of the calls of a strange process fail, in every way, all are slow, and they pile up.
pub(super) const STRANGE_CALLS: Calls = Calls {
    rate: 1.0,
    failed: [0.1, 0.1, 0.1, 0.1, 0.05, 0.05],
    buckets: [0.0, 0.0, 0.0, 1.0],
    seconds: 2.0,
    in_flight: 100.0,
    attempts: [0.5, 9.5],
    ..NONE
};

impl World {
    pub(super) fn calls(&mut self, labels: &Labels, calls: &Calls) {
        let family = |name: &str| format!("dubbo_{}_{name}", calls.side);
        let failed: f64 = calls.failed.iter().sum();
        let succeeded = calls.rate - failed;
        self.since = calls.since;
        self.counter(&family("requests_total"), labels, calls.rate);
        self.counter(&family("requests_succeed_total"), labels, succeeded);
        self.counter(&family("requests_failed_total"), labels, failed);
        self.gauge(&family("qps_total"), labels, calls.rate);
        self.gauge(
            &family("requests_total_aggregate"),
            labels,
            calls.rate * 120.0,
        );
        self.gauge(
            &family("requests_succeed_total_aggregate"),
            labels,
            succeeded * 120.0,
        );
        self.gauge(
            &family("requests_processing_total"),
            labels,
            calls.in_flight,
        );
        self.counter(&family("messages_received_total"), labels, calls.rate * 2.0);
        self.counter(&family("messages_sent_total"), labels, calls.rate * 3.0);
        for ((kind, code, name, fault, counted), rate) in KINDS.iter().zip(calls.failed) {
            if *name != "INVALID_ARGUMENT" {
                self.counter(&family(counted), labels, rate);
            }
            // An error has a series once it has happened.
            if rate > 0.0 {
                let error = with(
                    labels,
                    &[
                        ("error_type", kind),
                        ("error_code", code),
                        ("error_name", name),
                        ("fault", fault),
                    ],
                );
                self.counter(&family("errors_total"), &error, rate);
            }
        }
        let histogram = family("request_duration_seconds");
        let bounds = ["0.1", "0.25", "1", "5"];
        for (bound, rate) in bounds
            .into_iter()
            .zip(calls.buckets)
            .chain([("+Inf", calls.rate)])
        {
            self.counter(
                &format!("{histogram}_bucket"),
                &with(labels, &[("le", bound)]),
                rate,
            );
        }
        self.counter(&format!("{histogram}_count"), labels, calls.rate);
        self.counter(&format!("{histogram}_sum"), labels, calls.seconds);
        if calls.side == "consumer" {
            for (outcome, rate) in ["ok", "failed"].into_iter().zip(calls.attempts) {
                self.counter(
                    &family("attempts_total"),
                    &with(labels, &[("outcome", outcome)]),
                    rate,
                );
            }
        }
        self.since = 0;
    }

    /// Adds what a process says of itself: figures that are `size` times those of the smallest one.
    pub(super) fn process(
        &mut self,
        labels: &Labels,
        version: &'static str,
        size: f64,
        state: State,
    ) {
        let growth = if state == State::Killed { 0.0 } else { size };
        self.gauge(
            "dubbo_application_info_total",
            &with(labels, &[("application_version", version)]),
            1.0,
        );
        let pool = with(labels, &[("thread_pool_name", "tokio")]);
        self.gauge("dubbo_thread_pool_thread_count", &pool, 4.0 * size);
        self.gauge("dubbo_thread_pool_active_size", &pool, size + 1.0);
        self.gauge("dubbo_thread_pool_queue_size", &pool, 10.0 * size);
        self.counter("dubbo_metrics_series_folded_total", labels, 0.5 * growth);
        let service = "dubbo_registry_register_service";
        self.gauge(&format!("{service}_succeed_total"), labels, size);
        self.gauge(&format!("{service}_failed_total"), labels, 2.0 * size);
        self.gauge("dubbo_registry_sessions_total", labels, 3.0 * size);
        self.gauge("dubbo_registry_malformed_nodes_total", labels, 4.0 * size);
        self.counter("dubbo_registry_notify_requests_total", labels, 0.2 * growth);
        self.gauge(
            "dubbo_registry_connected",
            labels,
            if state == State::WithSession {
                1.0
            } else {
                0.0
            },
        );
        let process = labels
            .iter()
            .filter(|(name, _)| **name != "application_name")
            .map(|(name, value)| (*name, *value))
            .collect();
        self.counter("process_cpu_seconds_total", &process, 0.1 * growth);
        self.gauge("process_resident_memory_bytes", &process, 1e6 * size);
        self.gauge("process_open_fds", &process, 10.0 * size + 1.0);
        self.gauge("process_max_fds", &process, 100.0 * size);
        self.gauge("process_start_time_seconds", &process, 100.0 * size);
    }

    /// Adds what a consumer says of its providers.
    pub(super) fn directory(
        &mut self,
        labels: &Labels,
        interface: &'static str,
        known: f64,
        valid: f64,
    ) {
        let of = with(labels, &[("interface", interface)]);
        self.gauge("dubbo_registry_directory_num_all", &of, known);
        self.gauge("dubbo_registry_directory_num_valid_total", &of, valid);
    }

    pub(super) fn ejections(&mut self, labels: &Labels, avoided: f64, rate: f64) {
        self.gauge("dubbo_consumer_ejected_providers", labels, avoided);
        self.counter("dubbo_consumer_ejections_total", labels, rate);
    }

    /// Adds a group of the Pushgateway, and how the pushes to it went.
    pub(super) fn pushes(&mut self, labels: &Labels, last: &str, rates: [f64; 2]) {
        let group = labels
            .iter()
            .filter(|(name, _)| **name != "application_name")
            .map(|(name, value)| (*name, *value))
            .collect();
        self.add("push_time_seconds", &group, last.to_owned());
        for (result, rate) in ["success", "failure"].into_iter().zip(rates) {
            self.counter(
                "dubbo_push_requests_total",
                &with(labels, &[("result", result)]),
                rate,
            );
        }
    }

    pub(super) fn cleaner(&mut self, labels: &Labels, last: f64, rate: f64) {
        self.gauge("pgw_cleaner_last_success_timestamp_seconds", labels, last);
        for (what, times) in [("deleted", 1.0), ("spared", 2.0), ("failures", 3.0)] {
            self.counter(&format!("pgw_cleaner_{what}_total"), labels, rate * times);
        }
    }
}
