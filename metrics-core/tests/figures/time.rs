//! What the figures show as time passes: the window, calls that are short or long, clocks that jump.

use std::time::Duration;

use metrics_core::{Clock, Config, ManualClock, MethodKey, Metrics, Outcome, Side};

use crate::scrape::Scrape;
use crate::series::call;

fn metrics_with_manual_clock(window: Duration) -> (Metrics, ManualClock) {
    let (clock, manual) = Clock::manual();
    (
        Metrics::new(Config::default().clock(clock).window(window)).expect("legal"),
        manual,
    )
}

#[test]
fn when_calls_stop_the_window_runs_empty() {
    for window in [Duration::from_secs(120), Duration::from_secs(10)] {
        let (metrics, manual) = metrics_with_manual_clock(window);
        let method = metrics.method(Side::Provider, &MethodKey::new("x", "m"));
        for _ in 0..100 {
            let call = method.start();
            manual.advance(Duration::from_millis(5));
            call.end(Outcome::SUCCESS);
        }
        let busy = Scrape::of(&metrics);
        assert_eq!(busy.value("dubbo_provider_requests_total_aggregate"), 100.0);
        assert_eq!(
            busy.value("dubbo_provider_qps_total"),
            100.0,
            "over a second, though the process is only half as old"
        );
        // Half the window later all is still there; a whole window after the last call nothing is.
        for _ in 0..5 {
            manual.advance(window / 10);
            metrics.text();
        }
        let half = Scrape::of(&metrics);
        assert_eq!(half.value("dubbo_provider_requests_total_aggregate"), 100.0);
        for _ in 0..5 {
            manual.advance(window / 10);
            metrics.text();
        }
        let idle = Scrape::of(&metrics);
        for name in [
            "qps_total",
            "requests_total_aggregate",
            "requests_succeed_total_aggregate",
            "rt_avg_milliseconds_aggregate",
            "rt_min_milliseconds_aggregate",
            "rt_max_milliseconds_aggregate",
        ] {
            assert_eq!(
                idle.value(&format!("dubbo_provider_{name}")),
                0.0,
                "{name} after a window of {window:?}"
            );
        }
        for name in ["p50", "p90", "p95", "p99"] {
            assert!(
                idle.value(&format!("dubbo_provider_rt_milliseconds_{name}"))
                    .is_nan(),
                "{name}"
            );
        }
        assert_eq!(
            idle.value("dubbo_provider_requests_total"),
            100.0,
            "what is counted stays counted"
        );
    }
}

#[test]
fn times_under_a_millisecond_are_not_zero() {
    let (metrics, manual) = metrics_with_manual_clock(Duration::from_secs(120));
    let method = metrics.method(Side::Provider, &MethodKey::new("x", "m"));
    let call = method.start();
    manual.advance(Duration::from_micros(250));
    call.end(Outcome::SUCCESS);
    let scrape = Scrape::of(&metrics);
    for name in ["sum", "min", "max", "avg", "p50", "p99"] {
        assert_eq!(
            scrape.value(&format!("dubbo_provider_rt_milliseconds_{name}")),
            0.25,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_ticker_moves_the_window_and_ends_with_the_metrics() {
    let metrics = Metrics::new(
        Config::default()
            .clock(Clock::tokio())
            .window(Duration::from_secs(10)),
    )
    .expect("legal");
    let ticker = tokio::spawn(metrics.ticker());
    call(&metrics, &MethodKey::new("x", "m"), 10);
    tokio::time::sleep(Duration::from_secs(5)).await;
    call(&metrics, &MethodKey::new("x", "m"), 1);
    tokio::time::sleep(Duration::from_millis(5500)).await;
    let scrape = Scrape::of(&metrics);
    assert_eq!(
        scrape.value("dubbo_provider_requests_total_aggregate"),
        1.0,
        "the first calls are out of the window, which was not read until now"
    );
    drop(metrics);
    tokio::time::timeout(Duration::from_secs(5), ticker)
        .await
        .expect("it ends")
        .expect("it does not panic");
}

/// A machine that wakes up, or a virtual one that moved: the counter of the processor starts anew or runs ahead.
#[test]
fn jumps_of_the_fast_clock_show_in_no_figure() {
    for (side, name) in [(Side::Provider, "provider"), (Side::Consumer, "consumer")] {
        for jump in [ManualClock::set_fast_back, ManualClock::set_fast_forward] {
            jump_shows_in_no_figure(side, name, jump);
        }
    }
}

fn jump_shows_in_no_figure(side: Side, name: &str, jump: fn(&ManualClock, Duration)) {
    let (metrics, manual) = metrics_with_manual_clock(Duration::from_secs(10));
    let method = metrics.method(side, &MethodKey::new("x", "m"));
    // Ten calls a second, for a window and a half.
    let work = || {
        for _ in 0..150 {
            let call = method.start();
            manual.advance(Duration::from_millis(100));
            call.end(Outcome::SUCCESS);
            metrics.figures(side);
        }
    };
    work();
    let before = metrics.figures(side).remove(0);
    let call = method.start();
    manual.advance(Duration::from_millis(50));
    jump(&manual, Duration::from_secs(100_000));
    manual.advance(Duration::from_millis(50));
    call.end(Outcome::SUCCESS);
    for _ in 0..3 {
        let scrape = Scrape::of(&metrics);
        let value = |figure: &str| scrape.value(&format!("dubbo_{name}_{figure}"));
        assert!(
            (8.0..=12.0).contains(&value("qps_total")),
            "{} calls a second",
            value("qps_total")
        );
        for figure in ["last", "p99", "max"] {
            let millis = value(&format!("rt_milliseconds_{figure}"));
            assert!((50.0..=1200.0).contains(&millis), "{figure} is {millis} ms");
        }
        let mean = value("rt_milliseconds_avg");
        assert!((99.0..=108.0).contains(&mean), "{mean} ms on average");
        work();
    }
    let [before, after] =
        [before, metrics.figures(side).remove(0)].map(|figures| figures.window_outcomes.total());
    assert!(
        before.abs_diff(after) <= 10,
        "panes turn as before: {before}, {after}"
    );
}

#[test]
fn a_call_of_two_hours_is_measured_as_such() {
    let buckets = vec![1.0, 1200.0, 7200.0];
    let (clock, manual) = Clock::manual();
    let metrics = Metrics::new(Config::default().clock(clock).buckets(buckets)).expect("legal");
    let method = metrics.method(Side::Provider, &MethodKey::new("x", "m"));
    let call = method.start();
    for _ in 0..120 {
        manual.advance(Duration::from_secs(59));
        metrics.figures(Side::Provider);
    }
    call.end(Outcome::SUCCESS);
    let scrape = Scrape::of(&metrics);
    let buckets: Vec<_> = scrape
        .all("dubbo_provider_request_duration_seconds_bucket")
        .collect();
    assert_eq!(buckets, [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(
        scrape.value("dubbo_provider_request_duration_seconds_sum"),
        7080.0
    );
    let p99 = scrape.value("dubbo_provider_rt_milliseconds_p99");
    assert!((7_009_000.0..=7_151_000.0).contains(&p99), "{p99} ms");
}

#[test]
fn one_call_right_after_the_start_is_no_thousand_a_second() {
    let (metrics, manual) = metrics_with_manual_clock(Duration::from_secs(120));
    call(&metrics, &MethodKey::new("x", "m"), 1);
    manual.advance(Duration::from_millis(1));
    assert_eq!(Scrape::of(&metrics).value("dubbo_provider_qps_total"), 1.0);
}

/// The ticker's own work is off the threads of its runtime, which serve calls: here the only one is never held up.
#[tokio::test]
async fn endpoint_and_pusher_move_the_window_without_a_ticker_of_the_owner() {
    let metrics =
        Metrics::new(Config::default().window(Duration::from_millis(100))).expect("legal");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let serving =
        tokio::spawn(metrics_core::Endpoint::new(&metrics).serve(listener, std::future::pending()));
    call(&metrics, &MethodKey::new("x", "m"), 10);
    // Only a window that was moved without a reading holds nothing now: a late reading would still show all.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seen = metrics
        .figures(Side::Provider)
        .remove(0)
        .window_outcomes
        .total();
    assert_eq!(seen, 0, "the window moved by itself");
    serving.abort();
}
