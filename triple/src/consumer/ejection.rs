//! Whether one provider is ejected, until when, and what trial calls say of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::clock::Moment;

/// How often the shares of failures are looked at, and the time without an ejection that makes the next one shorter.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// The first ejection. Each further one takes twice as long, up to the longest; each interval without one takes one step back.
pub(super) const FIRST_EJECTION: Duration = Duration::from_secs(1);
const LONGEST_EJECTION: Duration = Duration::from_secs(60);

/// One provider's ejection.
#[derive(Debug, Default)]
pub(super) struct Ejection {
    /// When a trial is due (microseconds); 0 for a provider that is not ejected.
    due: AtomicU64,
    /// Attempts that began earlier say nothing about the provider as it is now (microseconds).
    since: AtomicU64,
    on_trial: AtomicBool,
    history: Mutex<History>,
}

#[derive(Debug, Default)]
struct History {
    /// Ejections that count for the length of the next one.
    ejections: u32,
    returned: Moment,
}

impl Ejection {
    pub(super) fn is_ejected(&self) -> bool {
        self.due.load(Relaxed) != 0
    }

    /// Returns when a trial is due (microseconds); none for a provider that is not ejected.
    pub(super) fn due(&self) -> Option<u64> {
        Some(self.due.load(Relaxed)).filter(|due| *due != 0)
    }

    /// Ejects the provider. Returns for how long.
    pub(super) fn begin(&self, now: Moment) -> Duration {
        let pause = self.history.lock().lengthen(now);
        self.since.store(now.micros() + 1, Relaxed);
        self.due.store((now + pause).micros(), Relaxed);
        pause
    }

    /// Takes an attempt that began at `begun` and was answered. True when it ends an ejection.
    pub(super) fn end(&self, begun: Moment, now: Moment) -> bool {
        let ends = self.is_ejected() && self.concerns(begun) && self.due.swap(0, Relaxed) != 0;
        if ends {
            self.on_trial.store(false, Relaxed);
            self.history.lock().returned = now;
        }
        ends
    }

    /// Puts the trial that was due at `due` off until `again`. False when another call has done so.
    pub(super) fn defer(&self, due: u64, again: u64) -> bool {
        let deferred = self.due.compare_exchange(due, again, Relaxed, Relaxed);
        deferred.is_ok()
    }

    /// Begins a trial with a call that begins now.
    pub(super) fn begin_trial(&self, now: Moment) {
        self.since.store(now.micros(), Relaxed);
        self.on_trial.store(true, Relaxed);
    }

    /// Takes an attempt that began at `begun` and failed. True when it was the trial.
    pub(super) fn end_trial(&self, begun: Moment) -> bool {
        self.concerns(begun) && self.on_trial.swap(false, Relaxed)
    }

    /// Returns whether an attempt that began at `begun` says something about the provider as it is now.
    fn concerns(&self, begun: Moment) -> bool {
        begun.micros() >= self.since.load(Relaxed)
    }
}

impl History {
    /// Returns how long the next ejection takes.
    fn lengthen(&mut self, now: Moment) -> Duration {
        let quiet = now.since(self.returned).as_secs() / INTERVAL.as_secs();
        if self.returned != Moment::default() {
            let quiet = u32::try_from(quiet).unwrap_or(u32::MAX);
            self.ejections = self.ejections.saturating_sub(quiet);
        }
        let pause = FIRST_EJECTION.saturating_mul(1 << self.ejections.min(16));
        self.ejections += 1;
        self.returned = Moment::default();
        pause.min(LONGEST_EJECTION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::after(Duration::from_millis(millis))
    }

    #[test]
    fn a_quiet_time_shortens_the_next_ejection_again() {
        let mut history = History::default();
        assert_eq!(history.lengthen(at(0)).as_secs(), 1);
        assert_eq!(history.lengthen(at(1000)).as_secs(), 2);
        assert_eq!(history.lengthen(at(3000)).as_secs(), 4);
        history.returned = at(10_000);
        assert_eq!(
            history.lengthen(at(30_000)).as_secs(),
            2,
            "two intervals, two steps back"
        );
        history.returned = at(40_000);
        assert_eq!(history.lengthen(at(400_000)).as_secs(), 1);
    }
}
