//! The gateway's clock, read off its answers.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How far the gateway's clock may stray from ours between two answers: its `Date` has whole seconds, and several
/// proxies in front of it may differ a little.
const TOLERANCE: Duration = Duration::from_secs(5);

/// What the gateway's clock showed, and when we asked.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Time since 1970 by the gateway, cut to the second, so that ages come out too small rather than too large.
    pub now: Duration,
    /// When the request was sent, by our monotonic clock.
    pub asked: Instant,
    /// When the answer's head was there.
    pub answered: Instant,
}

impl Clock {
    /// Reads a `Date` header.
    pub(crate) fn from_header(date: Option<&str>, asked: Instant) -> Option<Self> {
        let date = httpdate::parse_http_date(date?).ok()?;
        let now = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Self {
            now,
            asked,
            answered: Instant::now(),
        })
    }

    /// Returns the age of what happened at a time since 1970; what lies in the future has none.
    pub fn age(&self, at: Duration) -> Duration {
        self.now.saturating_sub(at)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(start: Instant, asked: u64, answered: u64, now: u64) -> Clock {
        Clock {
            now: Duration::from_secs(now),
            asked: start + Duration::from_secs(asked),
            answered: start + Duration::from_secs(answered),
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
    fn what_lies_in_the_future_has_no_age() {
        let clock = clock(Instant::now(), 0, 0, 1000);
        assert_eq!(clock.age(Duration::from_secs(2000)), Duration::ZERO);
        assert_eq!(
            clock.age(Duration::from_secs(400)),
            Duration::from_secs(600)
        );
    }
}
