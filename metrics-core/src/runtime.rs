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
            row.begin(text);
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    fn value(pools: &Pools, family: &str) -> usize {
        let mut text = Text::default();
        pools.write(&mut text, "");
        let text = text.into_string();
        let line = text.lines().find(|line| line.starts_with(family)).unwrap();
        assert!(line.contains("thread_pool_name=\"Tri\""), "{line}");
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn wait_for(pools: &Pools, family: &str, expected: usize) {
        let end = Instant::now() + DEADLINE;
        while value(pools, family) != expected {
            let seen = value(pools, family);
            assert!(Instant::now() < end, "{family} is {seen}, not {expected}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn workers_busy_workers_and_queued_tasks_are_told_apart() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let pools = Pools::default();
        pools.add("Tri", runtime.metrics());
        assert_eq!(value(&pools, "dubbo_thread_pool_thread_count{"), 2);

        // Both workers are held; what is spawned now has to queue.
        let gate = Arc::new(Barrier::new(3));
        for _ in 0..2 {
            let gate = Arc::clone(&gate);
            runtime.spawn(async move {
                gate.wait();
            });
        }
        wait_for(&pools, "dubbo_thread_pool_queue_size{", 0);
        wait_for(&pools, "dubbo_thread_pool_active_size{", 2);
        for _ in 0..5 {
            runtime.spawn(async {});
        }
        wait_for(&pools, "dubbo_thread_pool_queue_size{", 5);

        gate.wait();
        wait_for(&pools, "dubbo_thread_pool_queue_size{", 0);
        wait_for(&pools, "dubbo_thread_pool_active_size{", 0);
    }
}
