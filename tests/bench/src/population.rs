//! Metrics with as many series as a benchmark wants.

use crate::TRACEPARENT;
use metrics_core::{
    Call, Clock, Config, KnownService, ManualClock, Method, MethodKey, Metrics, Outcome, Side,
};
use std::time::Duration;

/// The interface that benchmarks call.
const SERVICE: &str = "greet.GreetService";
/// Its methods.
const METHODS: [&str; 4] = [
    "Greet",
    "GreetStream",
    "GreetClientStream",
    "GreetServerStream",
];

/// Returns metrics with the defaults and this clock.
///
/// # Panics
/// Never: the defaults are legal.
pub fn metrics(clock: Clock) -> Metrics {
    Metrics::new(Config::default().clock(clock)).expect("the defaults are legal")
}

/// Returns what a layer is given.
pub fn services() -> Vec<KnownService> {
    vec![KnownService::new(SERVICE, METHODS)]
}

/// Returns a bound method.
pub fn method(metrics: &Metrics) -> Method {
    metrics.method(Side::Provider, &MethodKey::new(SERVICE, METHODS[0]))
}

/// Calls `series` methods, each with times spread over four decades, in every pane of the window, the open one included. `traced` calls carry a
/// sampled trace.
pub fn populate(metrics: &Metrics, manual: &ManualClock, series: usize, traced: bool) {
    let methods: Vec<_> = (0..series)
        .map(|n| {
            metrics.method(
                Side::Provider,
                &MethodKey::new(&format!("{SERVICE}{n}"), METHODS[0]),
            )
        })
        .collect();
    let panes = metrics_core::PANES;
    for pane in 0..panes {
        if pane > 0 {
            manual.advance(metrics.config().window / panes);
            // A reader turns the pane where no ticker does.
            metrics.figures(Side::Provider);
        }
        for nanos in times() {
            let calls: Vec<_> = methods.iter().map(|method| start(method, traced)).collect();
            manual.advance(Duration::from_nanos(nanos));
            for call in calls {
                call.end(Outcome::SUCCESS);
            }
        }
    }
}

fn start(method: &Method, traced: bool) -> Call {
    let mut call = method.start();
    if traced {
        call.set_traceparent(TRACEPARENT.as_bytes());
    }
    call
}

/// Returns 200 times from 20 µs to 200 ms, a factor of 4.7 % apart.
fn times() -> impl Iterator<Item = u64> {
    (0..200).map(|step| (20_000.0 * 10f64.powf(f64::from(step) * 4.0 / 199.0)) as u64)
}
