//! The processes behind the figures, as series of 40 minutes with a sample each 15 s.
//!
//! Chosen are two providers `a` and `b` of `orders` (`b` pushes), a consumer `w` of `web`, a process `c` that answered until minute 30, and `dead`,
//! whose group in the Pushgateway is still there. Beside them are processes that differ from a chosen one in one label, whose every figure is
//! another one.

use serde_json::Value;

mod families;
mod series;

use families::{Calls, NONE, STRANGE_CALLS, State};
use series::{Labels, World, labels, with};

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
