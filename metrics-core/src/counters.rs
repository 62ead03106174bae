//! The counting protocol: what started and what ended, read so that the two always agree.
//!
//! Hot path. This file is also compiled with loom's atomics, by `tests/ordering.rs`, which runs it in every order that the memory
//! model allows.

use super::atomic::{AtomicU64, Ordering::*};

/// Counters of calls that started, and of calls that ended in one of `N` ways.
#[derive(Debug)]
pub(crate) struct Counters<const N: usize> {
    started: AtomicU64,
    ended: [AtomicU64; N],
}

impl<const N: usize> Counters<N> {
    pub(crate) fn new() -> Self {
        Self {
            started: AtomicU64::new(0),
            ended: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Counts a call that starts.
    #[inline]
    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    /// Counts a call that ends. It comes after everything else that is recorded of the call, and with release: who reads it also
    /// sees the call's start and its time, whichever thread they were written on.
    #[inline]
    pub(crate) fn end(&self, way: usize) {
        self.ended[way].fetch_add(1, Release);
    }
}

/// Reads the counters of several shards: the ends of all of them before the starts of any, and with acquire, so that no call has ended
/// that has not started.
pub(crate) fn read<'a, const N: usize>(
    shards: impl Iterator<Item = &'a Counters<N>> + Clone,
) -> ([u64; N], u64) {
    let ended = std::array::from_fn(|way| {
        shards
            .clone()
            .map(|shard| shard.ended[way].load(Acquire))
            .sum()
    });
    let started = shards.map(|shard| shard.started.load(Relaxed)).sum();
    (ended, started)
}

/// Whether what a reading would find beside the counters is already known, since the last time it was drained.
///
/// A call writes its bucket first and its end last, and its thread may be held up in between for as long as it takes. A bucket that one
/// reading has shown has to be in every later one, even when the counters have not moved since.
#[derive(Debug)]
pub(crate) struct Edge<T> {
    /// The counters when the buckets were last drained.
    pub(crate) at: T,
    /// Whether a reading has found a bucket since then.
    seen: bool,
}

impl<T: PartialEq> Edge<T> {
    /// Begins with counters that stand so, and nothing beside them.
    pub(crate) fn new(at: T) -> Self {
        Self { at, seen: false }
    }

    /// Tells whether there may be buckets that were not drained: these counters have moved, or a reading has found some.
    pub(crate) fn moved(&self, now: &T) -> bool {
        self.seen || self.at != *now
    }

    /// Notes that a reading has found buckets.
    pub(crate) fn saw(&mut self, any: bool) {
        self.seen |= any;
    }

    /// Notes that the buckets were drained when the counters stood so.
    pub(crate) fn drained(&mut self, now: T) {
        self.at = now;
        self.seen = false;
    }
}
