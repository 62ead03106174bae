//! Writes the families of the process itself: who it is, its threads, its pusher, its memory.

use crate::exposition::{Labels, Text, Type};
use crate::families::{
    ACTIVE_SIZE, APPLICATION_INFO, FOLDED, PUSH_LAST_SUCCESS, PUSH_REQUESTS, ProcessRow,
    QUEUE_SIZE, THREAD_COUNT,
};
#[cfg(target_os = "linux")]
use crate::process::{Stat, Usage};
use crate::pushes::{Counts, Pushes};
use crate::runtime::{Pool, Pools};

type Read = fn(&Pool) -> u64;

/// Begins a family.
pub(super) fn begin(text: &mut Text, row: &ProcessRow) {
    text.family(row.name, row.kind, row.help);
}

/// Writes who the process is, and how many of its calls stand in a series that methods share.
pub(super) fn write_application(text: &mut Text, application: &Labels, folded: u64) {
    begin(text, &APPLICATION_INFO);
    text.count(APPLICATION_INFO.name, application, Labels::none(), 1);
    begin(text, &FOLDED);
    text.count(FOLDED.name, application, Labels::none(), folded);
}

/// Writes the workers and the queue of each pool, when there is one.
pub(super) fn write_pools(text: &mut Text, pools: &Pools, application: &Labels) {
    let pools = pools.read();
    if pools.is_empty() {
        return;
    }
    let rows: [(_, Read); 3] = [
        (THREAD_COUNT, |pool| pool.threads),
        (ACTIVE_SIZE, |pool| pool.active),
        (QUEUE_SIZE, |pool| pool.queued),
    ];
    for (row, read) in rows {
        begin(text, &row);
        for (name, pool) in &pools {
            let name = Labels::one("thread_pool_name", name);
            text.count(row.name, application, &name, read(pool));
        }
    }
}

/// Writes how pushing goes, when there is a pusher.
pub(super) fn write_pushes(text: &mut Text, pushes: &Pushes, application: &Labels) {
    let Some(Counts {
        succeeded,
        failed,
        last_success_seconds,
    }) = pushes.counts()
    else {
        return;
    };
    begin(text, &PUSH_REQUESTS);
    for (result, count) in [("success", succeeded), ("failure", failed)] {
        let result = Labels::one("result", result);
        text.count(PUSH_REQUESTS.name, application, &result, count);
    }
    begin(text, &PUSH_LAST_SUCCESS);
    let name = PUSH_LAST_SUCCESS.name;
    text.gauge(name, application, Labels::none(), last_success_seconds);
}

/// Writes what the process takes of its machine, as every client library of Prometheus does.
#[cfg(target_os = "linux")]
pub(super) fn write_usage(text: &mut Text) {
    let Usage {
        cpu_seconds,
        open_files,
        max_files,
        stat,
        start_seconds,
    } = Usage::read();
    let mut family = |name, kind, help, value: Option<f64>| {
        if let Some(value) = value {
            text.family(name, kind, help);
            text.gauge(name, Labels::none(), Labels::none(), value);
        }
    };
    let whole = |count: Option<u64>| count.map(|count| count as f64);
    let of_stat = |field: fn(&Stat) -> u64| whole(stat.as_ref().map(field));
    family(
        "process_cpu_seconds_total",
        Type::Counter,
        "Total user and system CPU time spent in seconds.",
        Some(cpu_seconds),
    );
    family(
        "process_max_fds",
        Type::Gauge,
        "Maximum number of open file descriptors.",
        whole(max_files),
    );
    family(
        "process_open_fds",
        Type::Gauge,
        "Number of open file descriptors.",
        whole(open_files),
    );
    family(
        "process_resident_memory_bytes",
        Type::Gauge,
        "Resident memory size in bytes.",
        of_stat(Stat::resident_bytes),
    );
    family(
        "process_start_time_seconds",
        Type::Gauge,
        "Start time of the process since unix epoch in seconds.",
        start_seconds,
    );
    family(
        "process_threads",
        Type::Gauge,
        "Number of OS threads in the process.",
        of_stat(|stat| stat.threads),
    );
    family(
        "process_virtual_memory_bytes",
        Type::Gauge,
        "Virtual memory size in bytes.",
        of_stat(|stat| stat.virtual_bytes),
    );
}
