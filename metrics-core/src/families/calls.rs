//! The families of calls: one series for each method, on either side.

mod table;

use super::{Family, METHOD_LABELS, Type, labels};
use crate::key::Side;
use crate::reading::Reading;

pub(crate) use table::CALLS;

/// How a family of calls is read from a [`Reading`].
#[derive(Clone, Copy)]
pub(crate) enum CallSource {
    Count(fn(&Reading) -> u64),
    /// None leaves the sample out: there is no value before the first call.
    Gauge(fn(&Reading) -> Option<f64>),
    Durations,
    Errors,
    Attempts,
}

/// A family of calls, on one or both sides.
pub(crate) struct CallRow {
    suffix: &'static str,
    provider_help: &'static str,
    consumer_help: &'static str,
    unit: &'static str,
    remark: &'static str,
    pub(crate) source: CallSource,
    kind: Type,
}

/// The families that a lean scrape keeps: the rest can be derived from them in PromQL, or is a figure of the window.
const LEAN: [&str; 9] = [
    "requests_total",
    "requests_succeed_total",
    "requests_failed_total",
    "requests_processing_total",
    "request_duration_seconds",
    "errors_total",
    "messages_received_total",
    "messages_sent_total",
    "attempts_total",
];

impl CallRow {
    /// Tells whether a lean scrape has the family.
    pub(crate) fn is_lean(&self) -> bool {
        LEAN.contains(&self.suffix)
    }

    pub(crate) fn name(&self, side: Side) -> String {
        format!("dubbo_{}_{}", side.name(), self.suffix)
    }

    pub(crate) fn help(&self, side: Side) -> &'static str {
        match side {
            Side::Provider => self.provider_help,
            Side::Consumer => self.consumer_help,
        }
    }

    /// Returns the family on one side; a row without a help text for a side has no family there.
    pub(crate) fn family(&self, side: Side) -> Option<Family> {
        let extra: &[&str] = match self.source {
            CallSource::Count(_) | CallSource::Gauge(_) => &[],
            CallSource::Durations => &["le"],
            CallSource::Errors => &["error_code", "error_name", "error_type", "fault"],
            CallSource::Attempts => &["outcome"],
        };
        (!self.help(side).is_empty()).then(|| Family {
            name: self.name(side).into(),
            kind: self.kind,
            help: self.help(side).into(),
            unit: self.unit,
            labels: labels(METHOD_LABELS, extra),
            remark: self.remark,
        })
    }
}
