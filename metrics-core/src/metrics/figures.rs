//! The figures of one method, for programs to show.

use std::time::Duration;

use crate::key::MethodKey;
use crate::outcome::Outcomes;
use crate::reading::Reading;

/// The figures of one method at one moment; the same that a scrape at that moment shows.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The method.
    pub key: MethodKey,
    /// Calls that ended, by kind of result, since the start.
    pub outcomes: Outcomes,
    /// Calls that started and have not ended.
    pub in_flight: u64,
    /// Calls started per second, over the sliding window.
    pub qps: f64,
    /// Calls that ended within the sliding window, by kind of result.
    pub window_outcomes: Outcomes,
    /// Response times within the sliding window; none when no call ended in it.
    pub latency: Option<Latency>,
    /// Messages received, of unary calls and of streams.
    pub messages_received: u64,
    /// Messages sent, of unary calls and of streams.
    pub messages_sent: u64,
    /// Attempts that brought an answer; counted on the consumer's side only.
    pub attempts_ok: u64,
    /// Attempts that failed; counted on the consumer's side only.
    pub attempts_failed: u64,
}

/// Response times, each within 1 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half of the calls took at most this.
    pub p50: Duration,
    /// 90 % of the calls took at most this.
    pub p90: Duration,
    /// 95 % of the calls took at most this.
    pub p95: Duration,
    /// 99 % of the calls took at most this.
    pub p99: Duration,
}

impl Figures {
    pub(super) fn new(key: &MethodKey, reading: &Reading) -> Self {
        let window = &reading.window;
        let [p50, p90, p95, p99] = window
            .quantiles_nanos
            .map(|nanos| Duration::from_nanos(nanos as u64));
        Self {
            key: key.clone(),
            outcomes: reading.totals.outcomes,
            in_flight: reading.in_flight(),
            qps: window.totals.started as f64 / window.span_seconds,
            window_outcomes: window.totals.outcomes,
            latency: window
                .extremes_nanos
                .map(|_| Latency { p50, p90, p95, p99 }),
            messages_received: reading.received,
            messages_sent: reading.sent,
            attempts_ok: reading.attempts_ok,
            attempts_failed: reading.attempts_failed,
        }
    }
}
