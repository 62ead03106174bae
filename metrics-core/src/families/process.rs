//! The families of the process itself: who it is, its threads, its pusher.

use super::{APPLICATION_LABELS, Family, Type, labels};

/// A family with one place in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessRow {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) help: &'static str,
    unit: &'static str,
    extra: Option<&'static [&'static str]>,
    remark: &'static str,
}

impl ProcessRow {
    pub(crate) fn family(&self) -> Family {
        Family {
            name: self.name.into(),
            kind: self.kind,
            help: self.help.into(),
            unit: self.unit,
            labels: self
                .extra
                .map(|extra| labels(APPLICATION_LABELS, extra))
                .unwrap_or_default(),
            remark: self.remark,
        }
    }
}

const OURS: &str = "Not in dubbo-go.";
const POOL: &str = "Drawn by dubbo-go's dashboard and never exported by dubbo-go; here from tokio's runtime metrics.";

pub(crate) const APPLICATION_INFO: ProcessRow = ProcessRow {
    name: "dubbo_application_info_total",
    kind: Type::Counter,
    help: "Total Application Info",
    unit: "always 1",
    extra: Some(&[]),
    remark: "As in dubbo-go.",
};
pub(crate) const FOLDED: ProcessRow = ProcessRow {
    name: "dubbo_metrics_series_folded_total",
    kind: Type::Counter,
    help: "Calls recorded on a series that methods share",
    unit: "calls",
    extra: Some(&[]),
    remark: OURS,
};
pub(crate) const THREAD_COUNT: ProcessRow = ProcessRow {
    name: "dubbo_thread_pool_thread_count",
    kind: Type::Gauge,
    help: "Worker threads of the runtime",
    unit: "threads",
    extra: Some(&["thread_pool_name"]),
    remark: POOL,
};
pub(crate) const ACTIVE_SIZE: ProcessRow = ProcessRow {
    name: "dubbo_thread_pool_active_size",
    kind: Type::Gauge,
    help: "Worker threads of the runtime that are not parked",
    unit: "threads",
    extra: Some(&["thread_pool_name"]),
    remark: POOL,
};
pub(crate) const QUEUE_SIZE: ProcessRow = ProcessRow {
    name: "dubbo_thread_pool_queue_size",
    kind: Type::Gauge,
    help: "Tasks in the runtime's shared queue",
    unit: "tasks",
    extra: Some(&["thread_pool_name"]),
    remark: POOL,
};
pub(crate) const PUSH_REQUESTS: ProcessRow = ProcessRow {
    name: "dubbo_push_requests_total",
    kind: Type::Counter,
    help: "Pushes to the Pushgateway by result",
    unit: "pushes",
    extra: Some(&["result"]),
    remark: OURS,
};
pub(crate) const PUSH_LAST_SUCCESS: ProcessRow = ProcessRow {
    name: "dubbo_push_last_success_timestamp_seconds",
    kind: Type::Gauge,
    help: "When a push last succeeded, 0 before the first",
    unit: "unix seconds",
    extra: Some(&[]),
    remark: OURS,
};
pub(crate) const PUSHED_AT: ProcessRow = ProcessRow {
    name: "job_pushed_at_seconds",
    kind: Type::Gauge,
    help: "When this payload was made for the Pushgateway",
    unit: "unix seconds",
    extra: None,
    remark: "In dubbo-go's sample a clock of its own, 0 in the first push; here the moment at which the payload was made. Only in pushes.",
};
pub(crate) const PUSH_FINAL: ProcessRow = ProcessRow {
    name: "dubbo_push_final",
    kind: Type::Gauge,
    help: "Marks the last figures of a process that ended by itself",
    unit: "always 1",
    extra: None,
    remark: "Not in dubbo-go. Only in the last push of a group that stays: nothing pushes to it again, and that is no fault.",
};

/// Every family of the process, in the order of the text.
pub(crate) const PROCESS: &[ProcessRow] = &[
    APPLICATION_INFO,
    FOLDED,
    THREAD_COUNT,
    ACTIVE_SIZE,
    QUEUE_SIZE,
    PUSH_REQUESTS,
    PUSH_LAST_SUCCESS,
    PUSHED_AT,
    PUSH_FINAL,
];
