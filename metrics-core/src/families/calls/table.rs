//! The rows: name, help, unit, remark of each family, and how it is read.

use super::{CallRow, CallSource, Type};
use crate::outcome::{OutcomeKind, Outcomes};
use crate::reading::Reading;

const SAME: &str = "As in dubbo-go.";
const OURS: &str = "Not in dubbo-go.";
const NO_LOSS: &str =
    "dubbo-go loses calls when its event queue is full; here every call is counted.";
const WINDOWED: &str = "dubbo-go refreshes it only when a call is made and ignores the window's options; here it is derived when it is read.";
const EXACT: &str = "dubbo-go cuts times to whole milliseconds; here fractions are kept.";
const QUANTILE: &str = "dubbo-go drops samples when it merges its panes, and shows 0 for calls under a millisecond; here it is within 1 % of the exact value, and NaN when idle.";

/// Every family of calls, in the order of the text.
pub(crate) const CALLS: &[CallRow] = &[
    gauge(
        "qps_total",
        [
            "The number of requests received by the provider per second",
            "The number of requests sent by consumers per second",
        ],
        "calls per second",
        "dubbo-go divides by the panes that had calls, and the value freezes when calls stop; here it is over the window, or over the process's age while that is shorter.",
        |r| Some(r.window.totals.started as f64 / r.window.span_seconds),
    ),
    counter(
        "requests_total",
        [
            "The total number of received requests by the provider",
            "The total number of requests sent by consumers",
        ],
        NO_LOSS,
        |r| r.totals.outcomes.total(),
    ),
    windowed(
        "requests_total_aggregate",
        [
            "The total number of received requests by the provider under the sliding window",
            "The total number of requests sent by consumers under the sliding window",
        ],
        |r| count(r.window.totals.outcomes.total()),
    ),
    gauge(
        "requests_processing_total",
        [
            "The number of received requests being processed by the provider",
            "The number of received requests being processed by the consumer",
        ],
        "calls",
        "dubbo-go's drifts when an event is lost; here it is started less ended.",
        |r| count(r.in_flight()),
    ),
    counter(
        "requests_succeed_total",
        [
            "The number of requests successfully received by the provider",
            "The number of successful requests sent by consumers",
        ],
        NO_LOSS,
        |r| r.totals.outcomes.of(OutcomeKind::Success),
    ),
    windowed(
        "requests_succeed_total_aggregate",
        [
            "The number of successful requests received by the provider under the sliding window",
            "The number of successful requests sent by consumers under the sliding window",
        ],
        |r| count(r.window.totals.outcomes.of(OutcomeKind::Success)),
    ),
    counter(
        "requests_failed_total",
        ["Total Failed Requests"; 2],
        NO_LOSS,
        |r| r.totals.outcomes.failed(),
    ),
    windowed(
        "requests_failed_total_aggregate",
        ["Total Failed Aggregate Requests"; 2],
        |r| count(r.window.totals.outcomes.failed()),
    ),
    counter(
        "requests_timeout_total",
        ["Total Timeout Failed Requests"; 2],
        SAME,
        |r| r.totals.outcomes.of(OutcomeKind::Timeout),
    ),
    windowed(
        "requests_timeout_total_aggregate",
        ["Total Timeout Failed Requests under the sliding window"; 2],
        |r| count(r.window.totals.outcomes.of(OutcomeKind::Timeout)),
    ),
    counter(
        "requests_limit_total",
        ["Total Limit Failed Requests"; 2],
        SAME,
        |r| r.totals.outcomes.of(OutcomeKind::Limit),
    ),
    windowed(
        "requests_limit_total_aggregate",
        ["Total Limit Failed Requests under the sliding window"; 2],
        |r| count(r.window.totals.outcomes.of(OutcomeKind::Limit)),
    ),
    counter(
        "requests_failed_service_unavailable_total",
        ["Total Service Unavailable Failed Requests"; 2],
        SAME,
        |r| r.totals.outcomes.of(OutcomeKind::Unavailable),
    ),
    windowed(
        "requests_failed_service_unavailable_total_aggregate",
        ["Total Service Unavailable Failed Requests under the sliding window"; 2],
        |r| count(r.window.totals.outcomes.of(OutcomeKind::Unavailable)),
    ),
    counter(
        "requests_business_failed_total",
        ["Total Failed Business Requests"; 2],
        SAME,
        |r| r.totals.outcomes.of(OutcomeKind::Business),
    ),
    windowed(
        "requests_business_failed_total_aggregate",
        ["Total Failed Business Requests under the sliding window"; 2],
        |r| count(r.window.totals.outcomes.of(OutcomeKind::Business)),
    ),
    counter(
        "requests_unknown_failed_total",
        ["Total Unknown Failed Requests"; 2],
        "As in dubbo-go; cancelled calls are counted here too.",
        |r| unknown(&r.totals.outcomes),
    ),
    windowed(
        "requests_unknown_failed_total_aggregate",
        ["Total Unknown Failed Requests under the sliding window"; 2],
        |r| count(unknown(&r.window.totals.outcomes)),
    ),
    gauge(
        "rt_milliseconds_sum",
        [
            "Sum response time among all requests processed by the provider",
            "Sum response time among all requests from consumers",
        ],
        "milliseconds",
        EXACT,
        |r| Some(millis(r.totals.sum as f64)),
    ),
    gauge(
        "rt_milliseconds_last",
        [
            "Last response time among all requests processed by the provider",
            "Last response time among all requests from consumers",
        ],
        "milliseconds",
        EXACT,
        |r| r.last_nanos.map(millis),
    ),
    gauge(
        "rt_milliseconds_min",
        [
            "Min response time among all requests processed by the provider",
            "Min response time among all requests from consumers",
        ],
        "milliseconds",
        EXACT,
        |r| r.extremes_nanos.map(|(min, _)| millis(min as f64)),
    ),
    gauge(
        "rt_milliseconds_max",
        [
            "Max response time among all requests processed by the provider",
            "Max response time among all requests from consumers",
        ],
        "milliseconds",
        "dubbo-go cuts times to whole milliseconds and shows 5e-324 when all are 0; here fractions are kept.",
        |r| r.extremes_nanos.map(|(_, max)| millis(max as f64)),
    ),
    gauge(
        "rt_milliseconds_avg",
        [
            "Average response time among all requests processed by the provider",
            "Average response time among all requests from consumers",
        ],
        "milliseconds",
        EXACT,
        |r| {
            let calls = r.totals.outcomes.total();
            (calls > 0).then(|| mean_millis(r.totals.sum, calls))
        },
    ),
    gauge(
        "rt_avg_milliseconds_aggregate",
        [
            "The average response time of the provider under the sliding window",
            "The average response time of the consumer under the sliding window",
        ],
        "milliseconds",
        "dubbo-go cuts times to whole milliseconds and ignores the window's options. 0 when idle in both.",
        |r| {
            let calls = r.window.totals.outcomes.total();
            Some(if calls == 0 {
                0.0
            } else {
                mean_millis(r.window.totals.sum, calls)
            })
        },
    ),
    gauge(
        "rt_min_milliseconds_aggregate",
        [
            "The minimum response time of the provider under the sliding window",
            "The minimum response time of the consumer under the sliding window",
        ],
        "milliseconds",
        "dubbo-go shows 1.8e308 when idle; here 0. Within 1 %.",
        |r| Some(r.window.extremes_nanos.map_or(0.0, |(min, _)| millis(min))),
    ),
    gauge(
        "rt_max_milliseconds_aggregate",
        [
            "The maximum response time of the provider under the sliding window",
            "The maximum response time of the consumer under the sliding window",
        ],
        "milliseconds",
        "dubbo-go shows 5e-324 when idle; here 0. Within 1 %.",
        |r| Some(r.window.extremes_nanos.map_or(0.0, |(_, max)| millis(max))),
    ),
    gauge(
        "rt_milliseconds_p50",
        [
            "The total response time spent by providers processing 50% of requests",
            "The total response time spent by consumers processing 50% of requests",
        ],
        "milliseconds",
        QUANTILE,
        |r| quantile(r, 0),
    ),
    gauge(
        "rt_milliseconds_p90",
        [
            "The total response time spent by providers processing 90% of requests",
            "The total response time spent by consumers processing 90% of requests",
        ],
        "milliseconds",
        QUANTILE,
        |r| quantile(r, 1),
    ),
    gauge(
        "rt_milliseconds_p95",
        [
            "The total response time spent by providers processing 95% of requests",
            "The total response time spent by consumers processing 95% of requests",
        ],
        "milliseconds",
        QUANTILE,
        |r| quantile(r, 2),
    ),
    gauge(
        "rt_milliseconds_p99",
        [
            "The total response time spent by providers processing 99% of requests",
            "The total response time spent by consumers processing 99% of requests",
        ],
        "milliseconds",
        QUANTILE,
        |r| quantile(r, 3),
    ),
    CallRow {
        suffix: "request_duration_seconds",
        provider_help: "Response time of requests processed by the provider",
        consumer_help: "Response time of requests sent by consumers",
        unit: "seconds",
        remark: OURS,
        source: CallSource::Durations,
        kind: Type::Histogram,
    },
    CallRow {
        suffix: "errors_total",
        provider_help: "Failed requests of the provider by code, kind and whose fault it is",
        consumer_help: "Failed requests of the consumer by code, kind and whose fault it is",
        unit: "calls",
        remark: OURS,
        source: CallSource::Errors,
        kind: Type::Counter,
    },
    CallRow {
        suffix: "messages_received_total",
        provider_help: "Messages received by the provider, of unary calls and of streams",
        consumer_help: "Messages received by the consumer, of unary calls and of streams",
        unit: "messages",
        remark: OURS,
        source: CallSource::Count(|r| r.received),
        kind: Type::Counter,
    },
    CallRow {
        suffix: "messages_sent_total",
        provider_help: "Messages sent by the provider, of unary calls and of streams",
        consumer_help: "Messages sent by the consumer, of unary calls and of streams",
        unit: "messages",
        remark: OURS,
        source: CallSource::Count(|r| r.sent),
        kind: Type::Counter,
    },
    CallRow {
        suffix: "attempts_total",
        provider_help: "",
        consumer_help: "Attempts made for requests of the consumer; those beyond the requests are retries",
        unit: "attempts",
        remark: OURS,
        source: CallSource::Attempts,
        kind: Type::Counter,
    },
];

const fn counter(
    suffix: &'static str,
    help: [&'static str; 2],
    remark: &'static str,
    read: fn(&Reading) -> u64,
) -> CallRow {
    let [provider_help, consumer_help] = help;
    CallRow {
        suffix,
        provider_help,
        consumer_help,
        unit: "calls",
        remark,
        source: CallSource::Count(read),
        kind: Type::Counter,
    }
}

const fn windowed(
    suffix: &'static str,
    help: [&'static str; 2],
    read: fn(&Reading) -> Option<f64>,
) -> CallRow {
    gauge(suffix, help, "calls in the window", WINDOWED, read)
}

const fn gauge(
    suffix: &'static str,
    help: [&'static str; 2],
    unit: &'static str,
    remark: &'static str,
    read: fn(&Reading) -> Option<f64>,
) -> CallRow {
    let [provider_help, consumer_help] = help;
    CallRow {
        suffix,
        provider_help,
        consumer_help,
        unit,
        remark,
        source: CallSource::Gauge(read),
        kind: Type::Gauge,
    }
}

/// Calls that ended in none of the ways that have a family of their own; Dubbo has none for cancelled ones.
fn unknown(outcomes: &Outcomes) -> u64 {
    outcomes.of(OutcomeKind::Unknown) + outcomes.of(OutcomeKind::Cancelled)
}

fn count(calls: u64) -> Option<f64> {
    Some(calls as f64)
}

fn millis(nanos: f64) -> f64 {
    nanos / 1e6
}

fn mean_millis(sum_nanos: u128, calls: u64) -> f64 {
    millis(sum_nanos as f64 / calls as f64)
}

fn quantile(reading: &Reading, index: usize) -> Option<f64> {
    Some(millis(reading.window.quantiles_nanos[index]))
}
