//! The gateway's clock, read off its answers.

use std::mem;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How far the gateway's clock may stray from ours between two answers: its `Date` has whole seconds, and several
/// proxies in front of it may differ a little.
const TOLERANCE: Duration = Duration::from_secs(5);

/// What the gateway's clock showed, and when we asked.
#[derive(Clone, Copy, Debug)]
pub struct GatewayClock {
    /// Time since 1970 by the gateway, cut to the second, so that ages come out too small rather than too large.
    pub now: Duration,
    /// When the request was sent, by our monotonic clock.
    pub asked: Instant,
    /// When the answer's head was there.
    pub answered: Instant,
    /// Since when, by the gateway's clock, a group's silence is its own: before, the gateway was down, or its clock was another.
    pub since: Duration,
}

impl GatewayClock {
    /// Reads a `Date` header.
    pub(crate) fn from_header(date: Option<&str>, asked: Instant) -> Option<Self> {
        let date = httpdate::parse_http_date(date?).ok()?;
        let now = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Self {
            now,
            asked,
            answered: Instant::now(),
            since: Duration::ZERO,
        })
    }

    /// Returns the age of what happened at a time since 1970, or the time since silence counts, if that is shorter; what lies in the
    /// future has none. It is the age when the answer was asked for: a gateway that hung until then took no pushes either.
    pub fn age(&self, at: Duration) -> Duration {
        let waited = self.answered.saturating_duration_since(self.asked);
        self.now
            .saturating_sub(waited)
            .saturating_sub(at.max(self.since))
    }

    /// Returns by how much the gateway's clock was set since an earlier answer, if it was.
    ///
    /// A clock that jumps ahead makes every live group look old until its next push.
    pub(crate) fn stepped_since(&self, earlier: &Self) -> Option<Duration> {
        let least = self.asked.saturating_duration_since(earlier.answered);
        let most = self.answered.saturating_duration_since(earlier.asked);
        let ahead = self.now.saturating_sub(earlier.now + most);
        let behind = (earlier.now + least).saturating_sub(self.now);
        let step = ahead.max(behind);
        (step > TOLERANCE).then_some(step)
    }
}

/// What readings have shown of the gateway's clock so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClockHistory {
    last: Option<GatewayClock>,
    /// Since when silence counts, by the gateway's clock: the latest step, or the end of the latest gap.
    since: Duration,
    /// Whether there were no readings where there should have been some.
    gap: bool,
}

impl ClockHistory {
    /// Takes the clock of a further reading, and returns it with what is known about the silence of groups.
    ///
    /// # Errors
    /// By how much it was set since the reading before: ages before and after cannot be compared. Later readings judge nothing as
    /// older than this one.
    pub(crate) fn see(&mut self, mut clock: GatewayClock) -> Result<GatewayClock, Duration> {
        let last = self.last.replace(clock);
        let step = last.and_then(|last| clock.stepped_since(&last));
        if mem::take(&mut self.gap) || step.is_some() {
            self.since = clock.now;
        }
        clock.since = clock.since.max(self.since);
        step.map_or(Ok(clock), Err)
    }

    /// Notes that a reading failed, or came too late: pushes may have failed as well, so that silence counts from the next reading on.
    pub(crate) fn interrupt(&mut self) {
        self.gap = true;
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(start: Instant, asked: u64, answered: u64, now: u64) -> GatewayClock {
        GatewayClock {
            now: Duration::from_secs(now),
            asked: start + Duration::from_secs(asked),
            answered: start + Duration::from_secs(answered),
            since: Duration::ZERO,
        }
    }

    #[test]
    fn a_clock_that_runs_along_was_not_set() {
        let start = Instant::now();
        let first = clock(start, 0, 1, 1000);
        assert_eq!(clock(start, 60, 61, 1060).stepped_since(&first), None);
        assert_eq!(clock(start, 60, 61, 1057).stepped_since(&first), None);
        assert_eq!(
            clock(start, 0, 90, 1080).stepped_since(&first),
            None,
            "a slow answer"
        );
    }

    #[test]
    fn a_jump_in_either_direction_is_noticed() {
        let start = Instant::now();
        let first = clock(start, 0, 1, 10_000);
        let ahead = clock(start, 60, 61, 13_661).stepped_since(&first);
        assert_eq!(ahead, Some(Duration::from_secs(3600)));
        assert!(clock(start, 60, 61, 6_460).stepped_since(&first).is_some());
    }

    #[test]
    fn nothing_is_older_than_the_time_since_silence_counts() {
        let clock = GatewayClock {
            since: Duration::from_secs(900),
            ..clock(Instant::now(), 0, 0, 1000)
        };
        assert_eq!(
            clock.age(Duration::from_secs(400)),
            Duration::from_secs(100)
        );
        assert_eq!(clock.age(Duration::from_secs(950)), Duration::from_secs(50));
    }

    #[test]
    fn a_step_is_told_once_and_silence_counts_from_there() {
        let start = Instant::now();
        let mut history = ClockHistory::default();
        let first = history.see(clock(start, 0, 1, 10_000)).unwrap();
        assert_eq!(first.since, Duration::ZERO);
        history.see(clock(start, 60, 61, 13_660)).unwrap_err();
        let after = history.see(clock(start, 120, 120, 13_720)).unwrap();
        assert_eq!(after.age(Duration::ZERO), Duration::from_secs(60));
    }

    #[test]
    fn a_gap_is_no_silence_and_a_single_one_counts_once() {
        let start = Instant::now();
        let mut history = ClockHistory::default();
        history.see(clock(start, 0, 0, 10_000)).unwrap();
        history.interrupt();
        let after = history.see(clock(start, 600, 600, 10_600)).unwrap();
        assert_eq!(after.age(Duration::ZERO), Duration::ZERO);
        let later = history.see(clock(start, 660, 660, 10_660)).unwrap();
        assert_eq!(later.age(Duration::ZERO), Duration::from_secs(60));
    }

    #[test]
    fn the_time_in_which_an_answer_was_waited_for_is_no_silence() {
        let clock = clock(Instant::now(), 0, 25, 1000);
        assert_eq!(clock.age(Duration::from_secs(970)), Duration::from_secs(5));
        assert_eq!(clock.age(Duration::from_secs(990)), Duration::ZERO);
    }

    #[test]
    fn what_lies_in_the_future_has_no_age() {
        let clock = clock(Instant::now(), 0, 0, 1000);
        assert_eq!(clock.age(Duration::from_secs(2000)), Duration::ZERO);
        assert_eq!(
            clock.age(Duration::from_secs(400)),
            Duration::from_secs(600)
        );
    }
}
