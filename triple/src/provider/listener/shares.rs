//! How many connections each worker has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The connections of each worker. Short ones that come and go must not leave one worker with all that last.
#[derive(Debug)]
pub(super) struct Shares(Arc<[AtomicUsize]>);

impl Shares {
    pub(super) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicUsize::new(0)).collect())
    }

    /// Counts a connection for the worker that has the fewest, until what is returned is dropped. A worker that stands still gets one only
    /// where all do.
    pub(super) fn least(&self, stands_still: impl Fn(usize) -> bool) -> Share {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        let least = counts
            .enumerate()
            .min_by_key(|(worker, count)| (stands_still(*worker), *count));
        let worker = least.map_or(0, |(worker, _)| worker);
        self.0[worker].fetch_add(1, Ordering::Relaxed);
        Share {
            counts: Arc::clone(&self.0),
            worker,
        }
    }
}

/// One connection of a worker.
#[derive(Debug)]
pub(super) struct Share {
    counts: Arc<[AtomicUsize]>,
    worker: usize,
}

impl Share {
    pub(super) fn worker(&self) -> usize {
        self.worker
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.counts[self.worker].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_last_are_spread_evenly_among_short_ones() {
        let shares = Shares::new(4);
        let mut lasting = Vec::new();
        for number in 0..400 {
            let share = shares.least(|_| false);
            if number % 4 == 0 {
                lasting.push(share);
            }
        }
        for worker in 0..4 {
            let count = lasting.iter().filter(|share| share.worker() == worker);
            assert_eq!(count.count(), 25, "worker {worker}");
        }
    }

    #[test]
    fn a_worker_that_stands_still_gets_no_connection_while_others_work() {
        let shares = Shares::new(3);
        let dealt: Vec<Share> = (0..6).map(|_| shares.least(|worker| worker == 1)).collect();
        assert!(dealt.iter().all(|share| share.worker() != 1));
        assert_eq!(shares.least(|_| true).worker(), 1, "it has the fewest");
    }
}
