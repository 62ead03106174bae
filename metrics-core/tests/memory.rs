//! What series and calls cost in memory, by an allocator that counts what this thread allocates.

use std::hint::black_box;
use std::time::Duration;

use allocation_counter::measure;
use metrics_core::{Clock, Config, Hand, Method, MethodKey, Metrics, Outcome, PANES, Side};

const KIB: i64 = 1024;
const SERIES: usize = 4;

fn world() -> (Metrics, Hand) {
    let (clock, hand) = Clock::manual();
    // An hour, so that a pane has room for the longest times.
    let config = Config {
        clock,
        window: Duration::from_secs(3600),
        ..Config::default()
    };
    (Metrics::new(config).expect("legal"), hand)
}

fn methods(metrics: &Metrics, range: std::ops::Range<usize>) -> Vec<Method> {
    let key = |n| {
        MethodKey::new(
            &format!("org.example.shop.OrderService{n}"),
            "placeOrderWithDiscount",
        )
    };
    range
        .map(|n| metrics.method(Side::Provider, &key(n)))
        .collect()
}

/// Ends a call on every method in nearly every bucket that there is: no distribution of times takes more memory. Returns the time it took.
fn call_in_every_bucket(hand: &Hand, methods: &[Method]) -> Duration {
    let times =
        (0..38).flat_map(|power| (0..64u64).map(move |step| (1 << power) + ((step << power) >> 6)));
    let mut now = 0;
    let mut calls: Vec<Vec<_>> = times
        .clone()
        .map(|_| methods.iter().map(Method::start).collect())
        .collect();
    for (time, calls) in times.zip(calls.drain(..)) {
        hand.advance(Duration::from_nanos(time - now));
        now = time;
        calls
            .into_iter()
            .for_each(|call| call.end(Outcome::SUCCESS));
    }
    Duration::from_nanos(now)
}

/// Returns what one shard takes: the second one of two cores.
fn shard_bytes(metrics: &Metrics) -> i64 {
    let method = methods(metrics, 100..101).remove(0);
    measure(|| drop(method.start())).bytes_current
}

#[test]
fn a_method_never_called_takes_at_most_one_kib() {
    let (metrics, _hand) = world();
    let mut handles = Vec::with_capacity(1000);
    let bytes = measure(|| handles.extend(methods(&metrics, 0..1000))).bytes_current / 1000;
    assert!((1..=KIB).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_series_in_use_takes_at_most_128_kib_and_an_idle_one_24() {
    let (metrics, hand) = world();
    let methods = methods(&metrics, 0..SERIES);
    let pane = metrics.config().window / PANES;
    let second_shard = shard_bytes(&metrics);
    assert!(
        second_shard > 4 * KIB,
        "a shard holds a histogram: {second_shard} bytes"
    );
    let turn = |methods: &[Method]| {
        let took = call_in_every_bucket(&hand, methods);
        hand.advance(pane - took);
        black_box(metrics.figures(Side::Provider));
    };
    let busy = measure(|| (0..2 * PANES).for_each(|_| turn(&methods))).bytes_current
        / SERIES as i64
        + second_shard;
    assert!(
        (64 * KIB..=128 * KIB).contains(&busy),
        "in use: {busy} bytes"
    );
    let freed = measure(|| (0..2 * PANES).for_each(|_| turn(&[]))).bytes_current / SERIES as i64;
    let idle = busy + freed;
    assert!(idle <= 24 * KIB, "idle: {idle} bytes");
}

#[test]
fn a_call_allocates_nothing_after_the_first() {
    let (metrics, _hand) = world();
    let method = methods(&metrics, 0..1).remove(0);
    method.start().end(Outcome::SUCCESS);
    let counted = measure(|| {
        for code in 0..1000 {
            method.start().end(Outcome::from_code(black_box(code % 20)));
        }
        drop(method.start());
        method.attempts().ok();
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
