//! Threads that call while another reads: nothing lost, nothing that steps back, every reading consistent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::scrape::Scrape;
use metrics_core::{Config, Method, MethodKey, Metrics, Outcome, OutcomeKind, Side};

const CALLS: u64 = 40_000;
const THREADS: u64 = 4;

/// Calls methods in turn, ends calls on time and late, in order and not, and hands some to be dropped.
fn hammer(methods: &[Method], thread: u64) {
    let mut flying = Vec::new();
    for call in 0..CALLS {
        flying.push(methods[(call % methods.len() as u64) as usize].start());
        if flying.len() > 7 {
            let oldest = flying.remove(0);
            match (call + thread) % 4 {
                0 => oldest.end(Outcome::BUSINESS),
                1 => drop(oldest),
                _ => oldest.end(Outcome::SUCCESS),
            }
        }
    }
    for call in flying {
        call.end(Outcome::SUCCESS);
    }
}

/// The counters of one reading that must never step back.
fn counters(scrape: &Scrape) -> Vec<f64> {
    [
        "requests_total",
        "requests_succeed_total",
        "requests_failed_total",
        "requests_business_failed_total",
    ]
    .into_iter()
    .chain([
        "requests_unknown_failed_total",
        "request_duration_seconds_count",
        "request_duration_seconds_bucket",
    ])
    .chain(["request_duration_seconds_sum", "rt_milliseconds_sum"])
    .flat_map(|name| {
        scrape
            .all(&format!("dubbo_provider_{name}"))
            .collect::<Vec<_>>()
    })
    .collect()
}

fn check(scrape: &Scrape, methods: &[&str]) {
    for method in methods {
        let labels = format!("method=\"{method}\"");
        let value = |name: &str| -> f64 {
            scrape
                .matching(&format!("dubbo_provider_{name}"), &labels)
                .sum()
        };
        assert_eq!(
            value("requests_total"),
            value("requests_succeed_total") + value("requests_failed_total"),
            "{method}"
        );
        assert!(value("requests_processing_total") >= 0.0, "{method}");
        let buckets: Vec<f64> = scrape
            .matching("dubbo_provider_request_duration_seconds_bucket", &labels)
            .collect();
        assert!(buckets.is_sorted(), "{method}: {buckets:?}");
        assert_eq!(
            buckets.last(),
            Some(&value("request_duration_seconds_count")),
            "{method}: the last bucket is the count"
        );
        assert!(
            value("request_duration_seconds_count") >= value("requests_total"),
            "{method}: an ended call has its bucket"
        );
    }
}

fn run(names: &[&str]) {
    // Short panes, so that many edges fall into the test.
    let metrics =
        Metrics::new(Config::default().window(Duration::from_millis(100))).expect("legal");
    let methods: Vec<_> = names
        .iter()
        .map(|name| metrics.method(Side::Provider, &MethodKey::new("x.Y", name)))
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut before = counters(&Scrape::of(&metrics));
            let mut readings = 0u64;
            while !done.load(Ordering::Acquire) || readings < 20 {
                let scrape = Scrape::of(&metrics);
                check(&scrape, names);
                let now = counters(&scrape);
                assert!(
                    before.iter().zip(&now).all(|(then, now)| then <= now),
                    "a counter stepped back:\n{before:?}\n{now:?}"
                );
                before = now;
                readings += 1;
            }
        });
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn({
                    let methods = &methods;
                    move || hammer(methods, thread)
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("a writer ends");
        }
        done.store(true, Ordering::Release);
        reader.join().expect("every reading is consistent");
    });
    let figures = metrics.figures(Side::Provider);
    let total: u64 = figures.iter().map(|figures| figures.outcomes.total()).sum();
    assert_eq!(total, THREADS * CALLS, "nothing is lost");
    assert!(
        figures.iter().all(|figures| figures.in_flight == 0),
        "nothing stays in flight"
    );
    let business: u64 = figures
        .iter()
        .map(|figures| figures.outcomes.of(OutcomeKind::Business))
        .sum();
    assert_eq!(
        business,
        (0..THREADS)
            .map(|thread| (7..CALLS).filter(|call| (call + thread) % 4 == 0).count() as u64)
            .sum::<u64>()
    );
    let scrape = Scrape::of(&metrics);
    let histogram: f64 = scrape
        .all("dubbo_provider_request_duration_seconds_count")
        .sum();
    assert_eq!(
        histogram,
        (THREADS * CALLS) as f64,
        "the histogram agrees when there are no calls"
    );
}

#[test]
fn threads_on_one_method_lose_nothing_while_another_reads() {
    run(&["Z"]);
}

#[test]
fn threads_on_several_methods_lose_nothing_while_another_reads() {
    run(&["A", "B", "C", "D", "E"]);
}

#[test]
fn calls_that_move_between_threads_end_once() {
    let metrics = Metrics::new(Config::default()).expect("legal");
    let method = metrics.method(Side::Provider, &MethodKey::new("x.Y", "Z"));
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            receiver
                .into_iter()
                .for_each(|call: metrics_core::Call| call.end(Outcome::SUCCESS))
        });
        for _ in 0..1000 {
            sender
                .send(method.start())
                .expect("the other thread listens");
        }
        drop(sender);
    });
    let figures = metrics.figures(Side::Provider).remove(0);
    assert_eq!(
        (figures.outcomes.of(OutcomeKind::Success), figures.in_flight),
        (1000, 0)
    );
}
