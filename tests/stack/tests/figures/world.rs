//! The processes behind the figures, as series of 40 minutes with a sample each 15 s.
//!
//! Chosen are two providers `a` and `b` of `orders` (`b` pushes), a consumer `w` of `web`, a process `c` that answered until minute 30, and `dead`,
//! whose group in the Pushgateway is still there. Beside them are processes that differ from a chosen one in one label, whose every figure is
//! another one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Samples after the first one.
const STEPS: usize = 160;

/// The labels by which the dashboard chooses calls, and one that nothing chosen has.
const STRANGE: [(&str, &str); 9] = [
    ("cluster", "west"),
    ("namespace", "test"),
    ("job", "elsewhere"),
    ("application_name", "stranger"),
    ("instance", "z"),
    ("interface", "shop.Other"),
    ("group", "h"),
    ("version", "2.0.0"),
    ("method", "Ping"),
];

type Labels = BTreeMap<&'static str, &'static str>;

fn labels(labels: &[(&'static str, &'static str)]) -> Labels {
    labels.iter().copied().collect()
}

/// Returns labels with others in place of, or beside, them.
fn with(labels: &Labels, others: &[(&'static str, &'static str)]) -> Labels {
    let mut labels = labels.clone();
    labels.extend(others.iter().copied());
    labels
}

/// Returns a series as `promtool` reads it.
fn written(name: &str, labels: &Labels) -> String {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{name}{{{}}}", labels.join(", "))
}

/// The series, as `promtool` reads them.
#[derive(Debug, Default)]
struct World {
    series: Vec<Value>,
    /// Samples that each series is without at first.
    since: usize,
}

impl World {
    fn add(&mut self, name: &str, labels: &Labels, values: String) {
        let series = written(name, labels);
        let values = match self.since {
            0 => values,
            since => format!("_x{since} {values}"),
        };
        self.series
            .push(json!({ "series": series, "values": values }));
    }

    fn has(&self, name: &str, labels: &Labels) -> bool {
        self.series
            .iter()
            .any(|one| one["series"] == written(name, labels))
    }

    fn gauge(&mut self, name: &str, labels: &Labels, value: f64) {
        let values = format!("{value}x{}", STEPS - self.since);
        self.add(name, labels, values);
    }

    /// Adds a counter that grows by so much each second.
    fn counter(&mut self, name: &str, labels: &Labels, rate: f64) {
        // One that begins late has counted for five minutes when it is first seen.
        let first = if self.since == 0 { 0.0 } else { rate * 300.0 };
        let values = format!("{first}+{}x{}", rate * 15.0, STEPS - self.since);
        self.add(name, labels, values);
    }
}

/// Calls of one method in one process, per second.
#[derive(Clone, Copy, Debug)]
struct Calls {
    side: &'static str,
    rate: f64,
    /// Failures by kind, as the columns of [`KINDS`].
    failed: [f64; 6],
    /// Calls per second that took at most 0.1, 0.25, 1 and 5 s.
    buckets: [f64; 4],
    /// Seconds of all calls.
    seconds: f64,
    in_flight: f64,
    /// Samples before the first one of these calls.
    since: usize,
    /// Attempts that succeeded and failed.
    attempts: [f64; 2],
}

/// Kind, code, its name, whose fault it is, and the family beside `errors_total` that counts it.
const KINDS: [(&str, &str, &str, &str, &str); 6] = [
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
enum State {
    WithSession,
    WithoutSession,
    Killed,
}

const NONE: Calls = Calls {
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
const STRANGE_CALLS: Calls = Calls {
    rate: 1.0,
    failed: [0.1, 0.1, 0.1, 0.1, 0.05, 0.05],
    buckets: [0.0, 0.0, 0.0, 1.0],
    seconds: 2.0,
    in_flight: 100.0,
    attempts: [0.5, 9.5],
    ..NONE
};

impl World {
    fn calls(&mut self, labels: &Labels, calls: &Calls) {
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
    fn process(&mut self, labels: &Labels, version: &'static str, size: f64, state: State) {
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
    fn directory(&mut self, labels: &Labels, interface: &'static str, known: f64, valid: f64) {
        let of = with(labels, &[("interface", interface)]);
        self.gauge("dubbo_registry_directory_num_all", &of, known);
        self.gauge("dubbo_registry_directory_num_valid_total", &of, valid);
    }

    fn ejections(&mut self, labels: &Labels, avoided: f64, rate: f64) {
        self.gauge("dubbo_consumer_ejected_providers", labels, avoided);
        self.counter("dubbo_consumer_ejections_total", labels, rate);
    }

    /// Adds a group of the Pushgateway, and how the pushes to it went.
    fn pushes(&mut self, labels: &Labels, last: &str, rates: [f64; 2]) {
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

    fn cleaner(&mut self, labels: &Labels, last: f64, rate: f64) {
        self.gauge("pgw_cleaner_last_success_timestamp_seconds", labels, last);
        for (what, times) in [("deleted", 1.0), ("spared", 2.0), ("failures", 3.0)] {
            self.counter(&format!("pgw_cleaner_{what}_total"), labels, rate * times);
        }
    }
}

/// How the names of families end that a process leaves out with `--metrics-families=lean`.
const NOT_LEAN: [&str; 7] = [
    "_qps_total{",
    "_aggregate{",
    "_requests_business_failed_total{",
    "_requests_timeout_total{",
    "_requests_failed_service_unavailable_total{",
    "_requests_limit_total{",
    "_requests_unknown_failed_total{",
];

/// Returns the series that are there when all processes are lean.
pub(crate) fn lean_series() -> Vec<Value> {
    let is_lean = |series: &Value| {
        let name = series["series"].as_str().unwrap_or_default();
        !NOT_LEAN.iter().any(|family| name.contains(family))
    };
    series().into_iter().filter(is_lean).collect()
}

/// Returns all series.
pub(crate) fn series() -> Vec<Value> {
    let mut world = World::default();
    let shop = labels(&[("cluster", "east"), ("namespace", "shop")]);
    let process = |job: &'static str, instance: &'static str, application: &'static str| {
        with(
            &shop,
            &[
                ("job", job),
                ("instance", instance),
                ("application_name", application),
            ],
        )
    };
    let a = process("dubbo", "a", "orders");
    let b = process("dubbo_server", "b", "orders");
    let w = process("dubbo", "w", "web");
    let v = process("dubbo", "v", "web");
    let dead = process("dubbo_server", "dead", "orders");
    chosen_calls(&mut world, [&a, &b, &w, &v, &dead]);

    world.process(&a, "1.0", 1.0, State::WithSession);
    world.process(&b, "1.1", 2.0, State::WithoutSession);
    world.process(&w, "1.0", 3.0, State::WithSession);
    world.process(&dead, "1.0", 50.0, State::Killed);
    let known = with(&v, &[("application_version", "1.0")]);
    world.gauge("dubbo_application_info_total", &known, 1.0);
    // `c` ended at minute 30, and is still known to the discovery; another version of `web` began at minute 20.
    let c = process("dubbo", "c", "orders");
    world.add(
        "dubbo_application_info_total",
        &with(&c, &[("application_version", "1.0")]),
        "1x119 stale".to_owned(),
    );
    world.add(
        "dubbo_application_info_total",
        &with(
            &process("dubbo", "w", "web"),
            &[("application_version", "2.0")],
        ),
        "_x80 1x80".to_owned(),
    );
    world.directory(&w, "shop.Orders", 2.0, 1.0);
    world.directory(&w, "shop.Late", 5.0, 4.0);
    world.directory(&w, "shop.Other", 9.0, 8.0);
    world.ejections(&w, 2.0, 0.1);
    world.gauge("dubbo_consumer_ejected_providers", &dead, 100.0);
    world.pushes(&b, "0+15x158 2370 2370", [0.1, 0.02]);
    world.pushes(&dead, "0+15x40 600x120", [0.0, 0.0]);
    for (instance, last, rate) in [("1", 2280.0, 0.004), ("2", 2220.0, 0.006)] {
        world.cleaner(&with(&shop, &[("instance", instance)]), last, rate);
    }
    for (instance, up) in [("a", 1.0), ("w", 1.0), ("v", 1.0), ("c", 0.0)] {
        let target = with(&shop, &[("job", "dubbo"), ("instance", instance)]);
        world.gauge("up", &target, up);
    }
    strangers(&mut world, &a, &w, &dead);
    choices(&mut world, &a);
    world.series
}

fn chosen_calls(world: &mut World, [a, b, w, v, dead]: [&Labels; 5]) {
    let of = |process: &Labels, method: &'static str| {
        with(
            process,
            &[
                ("interface", "shop.Orders"),
                ("group", "g"),
                ("version", "1.0.0"),
                ("method", method),
            ],
        )
    };
    let find = Calls {
        rate: 4.0,
        buckets: [4.0; 4],
        seconds: 0.2,
        in_flight: 1.0,
        attempts: [4.0, 0.0],
        ..NONE
    };
    let place = |rate: f64, failed: [f64; 6]| Calls {
        rate,
        failed,
        // Half, nine of ten, all.
        buckets: [rate * 0.5, rate * 0.9, rate, rate],
        seconds: rate * 0.2,
        in_flight: rate / 2.0,
        ..NONE
    };
    world.calls(
        &of(a, "Place"),
        &place(10.0, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    );
    world.calls(&of(a, "Find"), &find);
    world.calls(
        &of(b, "Place"),
        &place(6.0, [0.0, 0.5, 1.0, 0.25, 0.0, 0.25]),
    );
    world.calls(&of(b, "Find"), &find);
    for (process, rate, failed, attempts) in [
        (w, 12.0, [0.6, 0.3, 0.3, 0.0, 0.0, 0.0], [11.0, 3.0]),
        (v, 8.0, [0.4, 0.2, 0.1, 0.1, 0.0, 0.0], [7.0, 3.0]),
    ] {
        let calls = Calls {
            side: "consumer",
            attempts,
            ..place(rate, failed)
        };
        world.calls(&of(process, "Place"), &calls);
    }
    world.calls(
        &of(w, "Find"),
        &Calls {
            side: "consumer",
            ..find
        },
    );
    // An interface without failures, and without slow calls.
    for (process, side, rate) in [(a, "provider", 2.0), (w, "consumer", 3.0)] {
        let late = with(&of(process, "Late"), &[("interface", "shop.Late")]);
        world.calls(
            &late,
            &Calls {
                side,
                rate,
                buckets: [rate; 4],
                seconds: 0.1,
                since: 120,
                attempts: [rate, 0.0],
                ..NONE
            },
        );
    }
    // A provider that could call as well, and a consumer that provides what is not chosen.
    world.gauge("dubbo_consumer_requests_total", &of(a, "Find"), 1000.0);
    world.gauge("dubbo_consumer_requests_total", &of(b, "Find"), 1000.0);
    let other = with(&of(w, "Find"), &[("interface", "shop.Other")]);
    world.gauge("dubbo_provider_requests_total", &other, 1000.0);
    for strange in &STRANGE[5..] {
        let provided = with(&of(v, "Find"), &[*strange]);
        world.gauge("dubbo_provider_requests_total", &provided, 1000.0);
    }
    // What a process that was killed said last.
    for side in ["provider", "consumer"] {
        let last = of(dead, "Place");
        for gauge in [
            "qps_total",
            "requests_total_aggregate",
            "requests_succeed_total_aggregate",
            "requests_processing_total",
        ] {
            world.gauge(&format!("dubbo_{side}_{gauge}"), &last, 1000.0);
        }
    }
    world.gauge("dubbo_provider_requests_total", &of(dead, "Place"), 1000.0);
}

/// Adds processes and calls that differ from chosen ones in one label.
fn strangers(world: &mut World, a: &Labels, w: &Labels, dead: &Labels) {
    let service = [
        ("interface", "shop.Orders"),
        ("group", "g"),
        ("version", "1.0.0"),
        ("method", "Place"),
    ];
    for strange in STRANGE {
        // A process has one application: the stranger is another instance, and a chosen one.
        let place = if strange.0 == "application_name" {
            vec![strange, ("instance", "other")]
        } else {
            vec![strange]
        };
        for (like, side) in [(a, "provider"), (w, "consumer")] {
            let process = with(&with(like, &service), &place);
            world.calls(
                &process,
                &Calls {
                    side,
                    ..STRANGE_CALLS
                },
            );
        }
        if ["interface", "group", "version", "method"].contains(&strange.0) {
            continue;
        }
        let (provider, consumer) = (with(a, &place), with(w, &place));
        world.process(&provider, "9.9", 100.0, State::WithoutSession);
        if strange.0 != "instance" && strange.0 != "application_name" {
            world.process(&consumer, "9.9", 100.0, State::WithoutSession);
        }
        for interface in ["shop.Orders", "shop.Late"] {
            world.directory(&consumer, interface, 0.0, 0.0);
        }
        world.ejections(&consumer, 100.0, 1.0);
        world.pushes(&provider, "0+15x160", [1.0, 1.0]);
        let mut killed = with(dead, &place);
        if strange.0 == "application_name" {
            killed.insert("instance", "c");
            killed.insert("job", "dubbo_server");
        }
        world.gauge(
            "dubbo_application_info_total",
            &with(&killed, &[("application_version", "9.9")]),
            1.0,
        );
        world.pushes(&killed, "0+15x20 300x140", [0.0, 0.0]);
        // One that ended when `c` did, and a version that began when that of `web` did.
        let mut ended = with(&provider, &[("application_version", "1.0")]);
        ended.insert(
            "instance",
            match strange.0 {
                "instance" => "gone",
                "application_name" => "c",
                _ => "other",
            },
        );
        world.add(
            "dubbo_application_info_total",
            &ended,
            "1x119 stale".to_owned(),
        );
        let began = with(&consumer, &[("application_version", "3.0")]);
        world.add(
            "dubbo_application_info_total",
            &began,
            "_x80 1x80".to_owned(),
        );
        let target: Labels = provider
            .iter()
            .filter(|(name, _)| **name != "application_name")
            .map(|(name, value)| (*name, *value))
            .collect();
        world.gauge("up", &target, 0.0);
        if ["cluster", "namespace"].contains(&strange.0) {
            let labels = provider
                .iter()
                .filter(|(name, _)| ["cluster", "namespace"].contains(name))
                .map(|(name, value)| (*name, *value))
                .collect();
            world.cleaner(&labels, 2340.0, 1.0);
        }
    }
}

/// Adds what variables may offer: for each label but a chosen one's, a process that differs in two, and has done nothing.
fn choices(world: &mut World, a: &Labels) {
    let order = STRANGE.map(|(label, _)| label);
    for (place, (label, value)) in STRANGE.into_iter().enumerate().take(6) {
        for offered in &order[place + 1..] {
            let mut process = with(
                a,
                &[
                    ("interface", "shop.Orders"),
                    ("group", "g"),
                    ("version", "1.0.0"),
                    ("method", "Place"),
                ],
            );
            process.insert(label, value);
            process.insert(offered, "no choice");
            if label == "application_name" && *offered != "instance" {
                process.insert("instance", "other");
            }
            world.gauge("dubbo_provider_requests_total", &process, 0.0);
            for call in ["interface", "group", "version", "method"] {
                process.remove(call);
            }
            let info = with(&process, &[("application_version", "9.9")]);
            if !world.has("dubbo_application_info_total", &info) {
                world.gauge("dubbo_application_info_total", &info, 1.0);
            }
        }
    }
}
