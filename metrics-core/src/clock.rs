//! The clock that calls are measured with.

use std::time::Duration;

/// A monotonic clock.
///
/// Production uses `quanta`, which reads the processor's time stamp counter where it is reliable: two reads cost
/// well under half of two reads of `std::time::Instant` (`docs/benchmarks.md`). The first clock of a process calibrates
/// it, for at most 200 ms. Tests that pause tokio's clock use [`Clock::tokio`]; tests that step time by hand [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Quanta(quanta::Clock),
    Tokio(tokio::time::Instant),
}

/// A moment, in units of the clock that read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// The hand that moves a [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct Hand(std::sync::Arc<quanta::Mock>);

impl Hand {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.increment(nanos(by));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(Source::Quanta(quanta::Clock::new()))
    }
}

impl Clock {
    /// Returns a clock that follows tokio's, which tests can pause and advance.
    pub fn tokio() -> Self {
        Self(Source::Tokio(tokio::time::Instant::now()))
    }

    /// Returns a clock that stands still, and the hand that moves it.
    pub fn manual() -> (Self, Hand) {
        let (clock, mock) = quanta::Clock::mock();
        (Self(Source::Quanta(clock)), Hand(mock))
    }

    #[inline]
    pub(crate) fn now(&self) -> Moment {
        match &self.0 {
            Source::Quanta(clock) => Moment(clock.raw()),
            Source::Tokio(origin) => Moment(nanos(origin.elapsed())),
        }
    }

    /// Returns the nanoseconds from one moment to a later one, and 0 when the two are in the wrong order, as the
    /// counters of two processors may differ by some nanoseconds.
    #[inline]
    pub(crate) fn nanos_between(&self, from: Moment, to: Moment) -> u64 {
        match &self.0 {
            Source::Quanta(clock) => clock.delta_as_nanos(from.0, to.0),
            Source::Tokio(_) => to.0.saturating_sub(from.0),
        }
    }
}

impl Moment {
    /// Returns a number that grows with time by about a thousand to four thousand a second and wraps after years: enough to tell
    /// which of two calls ended last.
    #[inline]
    pub(crate) fn coarse(self) -> u64 {
        self.0 >> 20
    }
}

/// Returns a duration in nanoseconds, clamped to 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_tokio_clock_follows_paused_time() {
        let clock = Clock::tokio();
        let start = clock.now();
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.nanos_between(start, clock.now()), 1_500_000_000);
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let (clock, hand) = Clock::manual();
        let start = clock.now();
        assert_eq!(clock.nanos_between(start, clock.now()), 0);
        hand.advance(Duration::from_nanos(17));
        assert_eq!(clock.nanos_between(start, clock.now()), 17);
    }

    #[test]
    fn moments_in_the_wrong_order_are_no_time_apart() {
        let (clock, hand) = Clock::manual();
        let earlier = clock.now();
        hand.advance(Duration::from_nanos(1));
        assert_eq!(clock.nanos_between(clock.now(), earlier), 0);
    }

    #[test]
    fn the_default_clock_measures_real_time() {
        let clock = Clock::default();
        let (start, reference) = (clock.now(), tokio::time::Instant::now());
        while reference.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let measured = clock.nanos_between(start, clock.now());
        assert!(
            measured >= 19_000_000,
            "at least the 20 ms that passed, within calibration: {measured} ns"
        );
    }
}
