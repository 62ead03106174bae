//! The workers and the queue of the runtimes that the process runs on.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::runtime::RuntimeMetrics;

/// The figures of the runtimes of one pool at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    /// Worker threads.
    pub(crate) threads: u64,
    /// Worker threads that are not parked.
    pub(crate) active: u64,
    /// Tasks in the shared queues.
    pub(crate) queued: u64,
}

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

    /// Returns the figures of each pool, by name.
    pub(crate) fn read(&self) -> Vec<(String, Pool)> {
        let pools = self.0.lock();
        let sums = pools.iter().map(|(name, runtimes)| {
            let sum = |read: fn(&RuntimeMetrics) -> usize| {
                runtimes.iter().map(read).sum::<usize>() as u64
            };
            let pool = Pool {
                threads: sum(RuntimeMetrics::num_workers),
                active: sum(active),
                queued: sum(RuntimeMetrics::global_queue_depth),
            };
            (name.clone(), pool)
        });
        sums.collect()
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

    fn tri(pools: &Pools) -> Pool {
        let pools = pools.read();
        let [(name, pool)] = &*pools else {
            panic!("{pools:?}")
        };
        assert_eq!(name, "Tri");
        *pool
    }

    fn wait_for(pools: &Pools, figure: fn(Pool) -> u64, expected: u64) {
        let end = Instant::now() + DEADLINE;
        while figure(tri(pools)) != expected {
            let seen = tri(pools);
            assert!(Instant::now() < end, "{seen:?}, and {expected} expected");
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
        assert_eq!(tri(&pools).threads, 2);

        // Both workers are held; what is spawned now has to queue.
        let gate = Arc::new(Barrier::new(3));
        for _ in 0..2 {
            let gate = Arc::clone(&gate);
            runtime.spawn(async move {
                gate.wait();
            });
        }
        wait_for(&pools, |pool| pool.queued, 0);
        wait_for(&pools, |pool| pool.active, 2);
        for _ in 0..5 {
            runtime.spawn(async {});
        }
        wait_for(&pools, |pool| pool.queued, 5);

        gate.wait();
        wait_for(&pools, |pool| pool.queued, 0);
        wait_for(&pools, |pool| pool.active, 0);
    }
}
