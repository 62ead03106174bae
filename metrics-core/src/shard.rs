//! What one method records on one processor: monotone counters and a fine histogram.
//!
//! Hot path: atomics only; `tests/bench` measures its cost.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};

use histogram::AtomicHistogram32;

use crate::buckets;
use crate::clock::{Clock, Moment};
use crate::counters::Counters;
use crate::outcome::{CODES, Outcome};

/// The direction of a message, as this process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Received,
    Sent,
}

/// When a call ended, on a coarse scale: the greatest one is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ended {
    in_order: bool,
    at: u64,
}

/// The counters of one method, as the threads of one processor move them.
///
/// Aligned so that no two shards share a cache line, nor a pair of lines that is fetched together.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Shard {
    pub(crate) clock: Clock,
    pub(crate) counters: Counters<CODES>,
    /// Nanoseconds since the last drain.
    sum: AtomicU64,
    last: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    attempts_ok: AtomicU64,
    attempts_failed: AtomicU64,
    pub(crate) times: AtomicHistogram32,
}

impl Shard {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            counters: Counters::new(),
            sum: AtomicU64::new(0),
            last: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            attempts_ok: AtomicU64::new(0),
            attempts_failed: AtomicU64::new(0),
            times: AtomicHistogram32::with_config(&buckets::CONFIG),
        }
    }

    /// Counts a call that ends: its time first, its end last.
    #[inline]
    pub(crate) fn end(&self, outcome: Outcome, nanos: u64, at: Moment) {
        if self.times.increment(nanos).is_err() {
            self.end_beyond_the_range();
        }
        self.sum.fetch_add(nanos, Relaxed);
        self.last.store(pack_last(at, nanos), Relaxed);
        if nanos < self.min.load(Relaxed) {
            self.min.fetch_min(nanos, Relaxed);
        }
        if nanos > self.max.load(Relaxed) {
            self.max.fetch_max(nanos, Relaxed);
        }
        self.counters.end(outcome.index());
    }

    /// Counts the time of a call that is longer than there are buckets for.
    #[cold]
    #[inline(never)]
    fn end_beyond_the_range(&self) {
        let in_range = self.times.increment(buckets::MAX_NANOS);
        debug_assert!(in_range.is_ok(), "the longest time has a bucket");
    }

    /// Counts messages of a call's stream.
    #[inline]
    pub(crate) fn count(&self, flow: Flow, messages: u64) {
        self.of_flow(flow).fetch_add(messages, Relaxed);
    }

    /// Counts an attempt of a call.
    pub(crate) fn attempted(&self, ok: bool) {
        self.of_attempts(ok).fetch_add(1, Relaxed);
    }

    /// Returns the messages that went this way.
    pub(crate) fn messages(&self, flow: Flow) -> u64 {
        self.of_flow(flow).load(Relaxed)
    }

    /// Returns the attempts that ended so.
    pub(crate) fn attempts(&self, ok: bool) -> u64 {
        self.of_attempts(ok).load(Relaxed)
    }

    #[inline]
    fn of_flow(&self, flow: Flow) -> &AtomicU64 {
        match flow {
            Flow::Received => &self.received,
            Flow::Sent => &self.sent,
        }
    }

    fn of_attempts(&self, ok: bool) -> &AtomicU64 {
        if ok {
            &self.attempts_ok
        } else {
            &self.attempts_failed
        }
    }

    /// Returns the nanoseconds of all calls since the last drain.
    pub(crate) fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }

    /// Takes the nanoseconds of all calls since the last drain. Drained, a 64-bit sum cannot wrap between two pane edges.
    pub(crate) fn drain_sum(&self) -> u64 {
        self.sum.swap(0, Relaxed)
    }

    /// Returns when the last call ended and its nanoseconds; none before the first. An end that lies ahead of `now` is from before the
    /// clock went back, and older than every other.
    pub(crate) fn last(&self, now: Moment) -> Option<(Ended, f64)> {
        let (at, nanos) = unpack_last(self.last.load(Relaxed))?;
        let ahead = at > now.coarse() + 1;
        Some((
            Ended {
                in_order: !ahead,
                at,
            },
            nanos,
        ))
    }

    /// Returns the shortest and the longest call in nanoseconds; none before the first.
    pub(crate) fn extremes(&self) -> Option<(u64, u64)> {
        let (min, max) = (self.min.load(Relaxed), self.max.load(Relaxed));
        (min <= max).then_some((min, max))
    }
}

/// Bits of the value in the word that holds time and value of the last call.
const VALUE_BITS: u32 = 24;
/// A positive `f32` has 31 bits; the lowest 7 do not fit, which leaves five significant digits.
const LOST_BITS: u32 = 7;

/// Packs the end and the duration of a call into one word, so that they are always read together. 0 stands for "no call yet".
#[inline]
fn pack_last(at: Moment, nanos: u64) -> u64 {
    let value = (nanos as f32).to_bits() >> LOST_BITS;
    ((at.coarse() + 1) << VALUE_BITS) | u64::from(value)
}

fn unpack_last(word: u64) -> Option<(u64, f64)> {
    if word == 0 {
        return None;
    }
    let value = (word as u32 & ((1 << VALUE_BITS) - 1)) << LOST_BITS;
    Some((word >> VALUE_BITS, f64::from(f32::from_bits(value))))
}

/// The number of threads that ever recorded a call.
static THREADS: AtomicUsize = AtomicUsize::new(0);
const UNNUMBERED: usize = usize::MAX;

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(UNNUMBERED) };
}

/// Returns the number of this thread among those that record calls. Threads are numbered when they record their first one, so that the
/// workers of a runtime get neighbouring numbers, and different shards.
#[inline]
pub(crate) fn thread() -> usize {
    let number = THREAD.get();
    if number == UNNUMBERED {
        number_thread()
    } else {
        number
    }
}

#[cold]
fn number_thread() -> usize {
    let number = THREADS.fetch_add(1, Relaxed);
    THREAD.set(number);
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_call_keeps_five_digits_of_its_time() {
        let clock = Clock::tokio();
        for nanos in [0, 1, 999, 1_234_567, 10_000_000_000, u64::MAX / 2] {
            let (_, read) = unpack_last(pack_last(clock.now(), nanos)).unwrap();
            assert!(
                (read - nanos as f64).abs() <= nanos as f64 * 2e-5,
                "{nanos} reads back as {read}"
            );
        }
    }

    #[test]
    fn no_call_has_no_last_time_and_no_extremes() {
        let shard = Shard::new(Clock::manual().0);
        assert_eq!(shard.last(shard.clock.now()), None);
        assert_eq!(shard.extremes(), None);
    }

    #[test]
    fn an_end_from_before_the_clock_went_back_is_the_oldest() {
        let (clock, hand) = Clock::manual();
        let shard = Shard::new(clock.clone());
        shard.end(Outcome::SUCCESS, 1, clock.now());
        let before = shard.last(clock.now()).unwrap().0;
        hand.set_fast_back(std::time::Duration::from_secs(3600));
        let (after, other) = (
            shard.last(clock.now()).unwrap().0,
            Shard::new(clock.clone()),
        );
        other.end(Outcome::SUCCESS, 2, clock.now());
        let newest = other.last(clock.now()).unwrap().0;
        assert!(newest < before && newest > after);
    }

    #[test]
    fn a_call_of_no_time_is_a_call() {
        let (clock, _) = Clock::manual();
        let shard = Shard::new(clock.clone());
        shard.counters.start();
        shard.end(Outcome::SUCCESS, 0, clock.now());
        assert_eq!(shard.last(clock.now()).map(|(_, nanos)| nanos), Some(0.0));
        assert_eq!(shard.extremes(), Some((0, 0)));
    }

    #[test]
    fn a_time_beyond_the_range_is_clamped_and_not_lost() {
        let (clock, _) = Clock::manual();
        let shard = Shard::new(clock.clone());
        shard.end(Outcome::SUCCESS, u64::MAX, clock.now());
        let counted: u64 = shard
            .times
            .load()
            .as_slice()
            .iter()
            .map(|count| u64::from(*count))
            .sum();
        assert_eq!(counted, 1);
    }
}
