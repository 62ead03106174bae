//! The clocks: a fast one that calls are measured with, and a steady one that the window moves by.

mod anchors;
mod fast;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anchors::Anchors;

/// A pair of clocks that do not agree on how late it is, only on how fast time passes.
///
/// Calls are measured with the fast one. That is the processor's own counter where the kernel itself keeps time by it: two reads cost well
/// under half of two reads of `std::time::Instant` (`docs/benchmarks.md`). The first clock of a process calibrates it, for at most 200 ms.
/// Everywhere else it is `CLOCK_MONOTONIC`, as the steady one is always: a counter may start anew when a machine wakes up or a virtual one
/// moves, and the window must not stand still then.
///
/// Tests that pause tokio's clock use [`Clock::tokio`]; tests that step time themselves [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    steady: Steady,
    anchors: Arc<Anchors>,
}

#[derive(Clone, Debug)]
enum Source {
    Quanta(quanta::Clock),
    Manual(Arc<AtomicU64>),
    Steady,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::disallowed_types,
    reason = "a process is measured in real time"
)]
enum Steady {
    Os(std::time::Instant),
    Tokio(tokio::time::Instant),
    Manual(Arc<AtomicU64>),
}

/// A call of more than 18 minutes may be none: the fast clock may have been set forward.
const SUSPICIOUS_NANOS: u64 = 1 << 40;

/// A moment, in units of the fast clock that read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// The handle that moves a [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct ManualClock {
    fast: Arc<AtomicU64>,
    steady: Arc<AtomicU64>,
}

/// Where a manual clock begins, so that it can be set back.
const MANUAL_START: u64 = (1 << 24) * 1_000_000_000;

impl ManualClock {
    /// Moves both clocks forward: time passes.
    pub fn advance(&self, by: Duration) {
        self.fast.fetch_add(nanos(by), Relaxed);
        self.steady.fetch_add(nanos(by), Relaxed);
    }

    /// Sets the fast clock forward, and time does not pass: a virtual machine moved to one that has run for longer.
    pub fn set_fast_forward(&self, by: Duration) {
        self.fast.fetch_add(nanos(by), Relaxed);
    }

    /// Sets the fast clock back, and time does not pass: a machine woke up, and its counter started anew.
    ///
    /// # Panics
    /// When the clock would go back by more than half a year.
    pub fn set_fast_back(&self, by: Duration) {
        back(&self.fast, by);
    }

    /// Sets both clocks back, which no clock of a machine in order does.
    ///
    /// # Panics
    /// When the clock would go back by more than half a year.
    pub fn set_back(&self, by: Duration) {
        back(&self.fast, by);
        back(&self.steady, by);
    }
}

fn back(clock: &AtomicU64, by: Duration) {
    let set = clock.fetch_update(Relaxed, Relaxed, |now| now.checked_sub(nanos(by)));
    assert!(set.is_ok(), "the clock began half a year ago");
}

impl Default for Clock {
    #[expect(
        clippy::disallowed_types,
        reason = "a process is measured in real time"
    )]
    fn default() -> Self {
        let steady = Steady::Os(std::time::Instant::now());
        let source = if fast::is_trusted() {
            Source::Quanta(quanta::Clock::new())
        } else {
            Source::Steady
        };
        Self::new(source, steady)
    }
}

impl Clock {
    fn new(source: Source, steady: Steady) -> Self {
        Self {
            source,
            steady,
            anchors: Arc::default(),
        }
    }

    /// Returns a clock that follows tokio's, which tests can pause and advance.
    pub fn tokio() -> Self {
        let steady = Steady::Tokio(tokio::time::Instant::now());
        Self::new(Source::Steady, steady)
    }

    /// Returns a clock that stands still, and the handle that moves it.
    pub fn manual() -> (Self, ManualClock) {
        let [fast, steady] = [(); 2].map(|()| Arc::new(AtomicU64::new(MANUAL_START)));
        let clock = Self::new(Source::Manual(fast.clone()), Steady::Manual(steady.clone()));
        (clock, ManualClock { fast, steady })
    }

    #[inline]
    pub(crate) fn now(&self) -> Moment {
        match &self.source {
            Source::Quanta(clock) => Moment(clock.raw()),
            Source::Manual(clock) => Moment(clock.load(Relaxed)),
            Source::Steady => Moment(self.steady.nanos()),
        }
    }

    /// Returns the nanoseconds from one moment to a later one, and 0 when the two are in the wrong order, as the
    /// counters of two processors may differ by some nanoseconds.
    #[inline]
    pub(crate) fn nanos_between(&self, from: Moment, to: Moment) -> u64 {
        match &self.source {
            Source::Quanta(clock) => clock.delta_as_nanos(from.0, to.0),
            Source::Manual(_) | Source::Steady => to.0.saturating_sub(from.0),
        }
    }

    /// Returns the nanoseconds of a call that ended at `to`, now; none where the fast clock went back meanwhile, or seems to have run for
    /// longer than calls do.
    #[inline]
    pub(crate) fn nanos_of_usual_call(&self, from: Moment, to: Moment) -> Option<u64> {
        if to < from {
            return None;
        }
        let nanos = match &self.source {
            Source::Quanta(clock) => clock.delta_as_nanos(from.0, to.0),
            Source::Manual(_) | Source::Steady => to.0 - from.0,
        };
        (nanos <= SUSPICIOUS_NANOS).then_some(nanos)
    }

    /// Returns the nanoseconds of the steady clock, by which the window moves.
    pub(crate) fn steady_nanos(&self) -> u64 {
        self.steady.nanos()
    }

    /// Notes how late it is on both clocks. Between two notes the fast clock is believed.
    pub(crate) fn anchor(&self) {
        self.anchors.note(self.now(), self.steady_nanos());
    }

    /// Returns the nanoseconds from a moment until now by the steady clock, for a call that seems to have ended before it began or to have
    /// lasted for hours: one of the two clocks is right, and this is it.
    pub(crate) fn nanos_of_unusual_call(&self, from: Moment) -> u64 {
        if matches!(self.source, Source::Steady) {
            return self.steady_nanos().saturating_sub(from.0);
        }
        let between = |from, to| self.nanos_between(from, to);
        let now = (self.now(), self.steady_nanos());
        now.1
            .saturating_sub(self.anchors.steady_nanos_of(from, now, between))
    }
}

impl Steady {
    #[cold]
    #[inline(never)]
    fn nanos(&self) -> u64 {
        match self {
            Self::Os(origin) => nanos(origin.elapsed()),
            Self::Tokio(origin) => nanos(origin.elapsed()),
            Self::Manual(clock) => clock.load(Relaxed),
        }
    }
}

/// Bits of a moment that [`Moment::coarse`] drops: counters of ARM tick 24 million to 1,000 million times a second, and those of other
/// processors, as nanoseconds, 1,000 million to 5,000 million times.
const FINE_BITS: u32 = if cfg!(target_arch = "aarch64") {
    16
} else {
    20
};

impl Moment {
    /// Returns a number that grows with time by 366 to 15,000 a second and wraps after two years at the earliest: enough to tell
    /// which of two calls ended last.
    #[inline]
    pub(crate) fn coarse(self) -> u64 {
        self.0 >> FINE_BITS
    }

    /// Returns the moment as a number, for [`Moment::from_raw`].
    #[inline]
    pub(crate) fn raw(self) -> u64 {
        self.0
    }

    pub(crate) fn from_raw(raw: u64) -> Self {
        Self(raw)
    }
}

/// Returns a duration in nanoseconds, clamped to 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the time of day in unix seconds.
pub(crate) fn unix_seconds() -> f64 {
    // A clock before 1970 is a clock that was never set.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests;
