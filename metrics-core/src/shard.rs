//! What one method records on one processor: monotone counters and a fine histogram.
//!
//! Hot path: atomics only; `tests/bench` measures its cost.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, OnceLock};

use crate::buckets::FINE;
use crate::clock::{Clock, Moment, unix_seconds};
use crate::counters::Counters;
use crate::exemplars::{self, Exemplars, Traces};
use crate::outcome::{CODES, Outcome};
use crate::slots::Number;

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
    /// Made for the first call that carries a trace.
    traces: OnceLock<Box<Traces>>,
    classes: Arc<[u8; FINE]>,
    times: [AtomicU32; FINE],
}

impl Shard {
    /// Makes a shard; `classes` are those of exemplars, for each fine bucket.
    pub(crate) fn new(clock: Clock, classes: Arc<[u8; FINE]>) -> Self {
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
            traces: OnceLock::new(),
            classes,
            times: [const { AtomicU32::new(0) }; FINE],
        }
    }

    /// Counts a call that ends: its time first, its end last, and then its trace. `place` is that of the bucket, and `trace` what [`Shard::trace`] returned.
    #[inline]
    pub(crate) fn end(
        &self,
        outcome: Outcome,
        (nanos, place): (u64, usize),
        at: Moment,
        trace: Number,
    ) {
        self.times[place].fetch_add(1, Relaxed);
        self.sum.fetch_add(nanos, Relaxed);
        self.last.store(pack_last(at, nanos), Relaxed);
        if nanos < self.min.load(Relaxed) {
            self.min.fetch_min(nanos, Relaxed);
        }
        if nanos > self.max.load(Relaxed) {
            self.max.fetch_max(nanos, Relaxed);
        }
        self.counters.end(outcome.index());
        if trace != 0 {
            self.publish(trace, (nanos, place), at, outcome);
        }
    }

    /// Makes the trace of a call that ended an exemplar.
    #[inline]
    fn publish(&self, trace: Number, time: (u64, usize), at: Moment, outcome: Outcome) {
        if let Some(traces) = self.traces.get() {
            traces.end(trace, time, at, outcome);
        }
    }

    /// Notes the trace of a call that starts, if it is sampled and there is room; 0 otherwise.
    #[inline]
    pub(crate) fn trace(&self, traceparent: &[u8]) -> Number {
        match exemplars::sampled(traceparent) {
            Some(header) => self.traces().begin(header),
            None => 0,
        }
    }

    #[inline]
    fn traces(&self) -> &Traces {
        match self.traces.get() {
            Some(traces) => traces,
            None => self.add_traces(),
        }
    }

    #[cold]
    #[inline(never)]
    fn add_traces(&self) -> &Traces {
        self.traces
            .get_or_init(|| Box::new(Traces::new(&self.classes)))
    }

    /// Moves the exemplars of calls that ended to what the series keeps, those of calls in this range of fine buckets. Before the buckets are
    /// read: an exemplar's call is in its bucket.
    pub(crate) fn drain_traces(&self, used: Range<usize>, kept: &mut Option<Arc<Exemplars>>) {
        if let Some(traces) = self.traces.get() {
            let kept = kept.get_or_insert_default();
            traces.drain_into(kept, used, &self.clock, unix_seconds());
        }
    }

    /// Adds the fine buckets of this range since the last drain to a total.
    pub(crate) fn add_times(&self, used: Range<usize>, total: &mut [u32]) {
        for (time, total) in self.times[used.clone()].iter().zip(&mut total[used]) {
            *total = total.wrapping_add(time.load(Relaxed));
        }
    }

    /// Moves the fine buckets of this range since the last drain to a total.
    pub(crate) fn drain_times(&self, used: Range<usize>, total: &mut [u32]) {
        for (time, total) in self.times[used.clone()].iter().zip(&mut total[used]) {
            // Most are empty, and to look takes a tenth of a swap.
            if time.load(Relaxed) != 0 {
                *total = total.wrapping_add(time.swap(0, Relaxed));
            }
        }
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
    // A signed number is converted by one instruction.
    let value = (nanos as i64 as f32).to_bits() >> LOST_BITS;
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
    use crate::buckets::Geometry;

    fn new(clock: Clock) -> Shard {
        Shard::new(clock, Geometry::new(&[]).classes().clone())
    }

    #[test]
    fn the_last_call_keeps_five_digits_of_its_time() {
        let clock = Clock::tokio();
        for nanos in [
            0,
            1,
            999,
            1_234_567,
            10_000_000_000,
            crate::buckets::MAX_NANOS,
        ] {
            let (_, read) = unpack_last(pack_last(clock.now(), nanos)).unwrap();
            assert!(
                (read - nanos as f64).abs() <= nanos as f64 * 2e-5,
                "{nanos} reads back as {read}"
            );
        }
    }

    #[test]
    fn no_call_has_no_last_time_and_no_extremes() {
        let shard = new(Clock::manual().0);
        assert_eq!(shard.last(shard.clock.now()), None);
        assert_eq!(shard.extremes(), None);
    }

    #[test]
    fn an_end_from_before_the_clock_went_back_is_the_oldest() {
        let (clock, manual) = Clock::manual();
        let shard = new(clock.clone());
        shard.end(Outcome::SUCCESS, (1, 1), clock.now(), 0);
        let before = shard.last(clock.now()).unwrap().0;
        manual.set_fast_back(std::time::Duration::from_secs(3600));
        let (after, other) = (shard.last(clock.now()).unwrap().0, new(clock.clone()));
        other.end(Outcome::SUCCESS, (2, 2), clock.now(), 0);
        let newest = other.last(clock.now()).unwrap().0;
        assert!(newest < before && newest > after);
    }

    #[test]
    fn a_call_of_no_time_is_a_call() {
        let (clock, _) = Clock::manual();
        let shard = new(clock.clone());
        shard.counters.start();
        shard.end(Outcome::SUCCESS, (0, 0), clock.now(), 0);
        assert_eq!(shard.last(clock.now()).map(|(_, nanos)| nanos), Some(0.0));
        assert_eq!(shard.extremes(), Some((0, 0)));
    }
}
