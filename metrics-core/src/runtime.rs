//! The workers and the queue of the runtimes that the process runs on.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::runtime::RuntimeMetrics;

use crate::exposition::{Text, labels};
use crate::families::{ACTIVE_SIZE, QUEUE_SIZE, THREAD_COUNT};

type Read = fn(&RuntimeMetrics) -> usize;

/// Runtimes by the names of their pools.
#[derive(Debug, Default)]
pub(crate) struct Pools(Mutex<BTreeMap<String, Vec<RuntimeMetrics>>>);

impl Pools {
    pub(crate) fn add(&self, pool: &str, runtime: RuntimeMetrics) {
        self.0
            .lock()
            .entry(pool.to_owned())
            .or_default()
            .push(runtime);
    }

    pub(crate) fn write(&self, text: &mut Text, application: &str) {
        let pools = self.0.lock();
        if pools.is_empty() {
            return;
        }
        let rows: [(_, Read); 3] = [
            (THREAD_COUNT, RuntimeMetrics::num_workers),
            (ACTIVE_SIZE, active),
            (QUEUE_SIZE, RuntimeMetrics::global_queue_depth),
        ];
        for (row, read) in rows {
            text.family(row.name, row.kind, row.help);
            for (name, runtimes) in &*pools {
                let sum: usize = runtimes.iter().map(read).sum();
                text.count(
                    row.name,
                    application,
                    &labels([("thread_pool_name", name.as_str())]),
                    sum as u64,
                );
            }
        }
    }
}

/// Returns the number of workers that are not parked: tokio counts each parking and each waking, so that the count is odd while a worker is parked.
fn active(runtime: &RuntimeMetrics) -> usize {
    (0..runtime.num_workers())
        .filter(|worker| runtime.worker_park_unpark_count(*worker).is_multiple_of(2))
        .count()
}
