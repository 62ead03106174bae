//! How the connections to one provider are dealt to the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many connections each provider gets.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// For each worker, where the bound allows.
    per_worker: usize,
    /// For all workers together.
    most: usize,
    /// Where workers share connections, each provider's begin with another worker.
    turn: Arc<AtomicUsize>,
}

impl Layout {
    /// Deals `per_thread` connections to each of a worker's threads, `most` in all; `per_thread` of them in any case.
    pub(crate) fn new(per_thread: usize, most: usize, threads: usize) -> Self {
        let per_thread = per_thread.max(1);
        Self {
            per_worker: per_thread.saturating_mul(threads.max(1)),
            most: most.max(per_thread),
            turn: Arc::default(),
        }
    }

    /// Returns which connections the next provider gets.
    pub(super) fn slots(&self, workers: usize) -> Slots {
        Slots {
            workers,
            count: workers.saturating_mul(self.per_worker).min(self.most),
            begin: self.turn.fetch_add(1, Ordering::Relaxed) % workers,
        }
    }
}

/// The connections of one provider in the order of the workers that they belong to. Where there are fewer, neighbours share one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    workers: usize,
    count: usize,
    /// The worker that counts as the first.
    begin: usize,
}

impl Default for Slots {
    /// One connection, for everyone.
    fn default() -> Self {
        Self {
            workers: 1,
            count: 1,
            begin: 0,
        }
    }
}

impl Slots {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns the first of the connections that calls of this worker use, and how many there are.
    pub(super) fn of(&self, worker: usize) -> (usize, usize) {
        let place = (worker + self.workers - self.begin) % self.workers;
        let first = place * self.count / self.workers;
        let next = (place + 1) * self.count / self.workers;
        (first, (next - first).max(1))
    }

    /// Returns the worker that a connection lives on: one whose calls use it.
    pub(super) fn worker(&self, slot: usize) -> usize {
        let place = ((slot + 1) * self.workers - 1) / self.count;
        (place + self.begin) % self.workers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_bounded_and_every_worker_has_a_share() {
        for workers in [1, 2, 3, 8, 63, 64, 200] {
            for (per_worker, most) in [(1, 1), (1, 8), (2, 8), (4, 16), (100, 8), (3, 1)] {
                let layout = Layout::new(per_worker, most, 1);
                for _ in 0..3 {
                    let slots = layout.slots(workers);
                    let bound = most.max(per_worker);
                    assert_eq!(slots.count(), bound.min(workers * per_worker), "{slots:?}");
                    let mut users = vec![0; slots.count()];
                    for worker in 0..workers {
                        let (first, count) = slots.of(worker);
                        assert!(count <= per_worker, "{slots:?}");
                        for users in &mut users[first..first + count] {
                            *users += 1;
                        }
                    }
                    let most_users = workers.div_ceil(slots.count());
                    for (slot, count) in users.iter().enumerate() {
                        assert!((1..=most_users).contains(count), "{users:?}");
                        let (first, count) = slots.of(slots.worker(slot));
                        assert!((first..first + count).contains(&slot), "{slots:?}: {slot}");
                    }
                }
            }
        }
    }

    #[test]
    fn providers_begin_with_different_workers() {
        let layout = Layout::new(1, 2, 1);
        let mut workers: Vec<_> = (0..4).map(|_| layout.slots(4).worker(0)).collect();
        workers.sort_unstable();
        assert_eq!(workers, [0, 1, 2, 3]);
    }

    #[test]
    fn the_threads_of_one_worker_have_a_connection_each_as_far_as_the_bound_goes() {
        for (per_thread, most, threads, count) in [
            (1, 8, 1, 1),
            (1, 8, 2, 2),
            (1, 8, 64, 8),
            (2, 8, 3, 6),
            (9, 8, 4, 9),
        ] {
            let slots = Layout::new(per_thread, most, threads).slots(1);
            assert_eq!(slots.of(0), (0, count), "{per_thread}, {most}, {threads}");
        }
    }

    #[test]
    fn few_cores_have_connections_of_their_own() {
        let slots = Layout::new(1, 8, 1).slots(8);
        let firsts: Vec<_> = (0..8).map(|worker| slots.of(worker)).collect();
        let expected: Vec<_> = (0..8).map(|slot| (slot, 1)).collect();
        assert_eq!(firsts, expected);
    }
}
