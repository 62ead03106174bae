//! How long a poll keeps its thread busy or blocked, as opposed to how long the system let it wait for a processor.
//!
//! On a machine that has more to do than it can, any poll may be interrupted for milliseconds. That says nothing about its method, so what a
//! long poll has really used is looked up. Looking it up costs a call of the system at both ends of a poll; only polls on the pool, and a
//! few after a long one, pay for it.

use std::cell::Cell;

use quanta::Clock;

use crate::sys::Usage;

/// So many polls of a thread are looked at closely after one that was long.
const CLOSELY: u32 = 32;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// What the polls of handlers are measured with.
#[derive(Clone, Debug)]
pub(in crate::provider) enum Meter {
    /// The processor's counter and the system's figures.
    Real(Clock),
    /// A clock that a test moves: whatever it says was used.
    #[cfg(test)]
    Manual(Clock),
}

/// The beginning of a poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) count: u64,
    usage: Option<Usage>,
}

impl Meter {
    pub(in crate::provider) fn new() -> Self {
        Self::Real(Clock::new())
    }

    fn clock(&self) -> &Clock {
        match self {
            Self::Real(clock) => clock,
            #[cfg(test)]
            Self::Manual(clock) => clock,
        }
    }

    /// Returns the clock's count.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.clock().raw()
    }

    /// Returns the nanoseconds between two counts.
    #[inline]
    pub(super) fn nanos(&self, from: u64, to: u64) -> u64 {
        self.clock().delta_as_nanos(from, to)
    }

    /// Begins a poll that is looked at closely only after one that was long.
    #[inline]
    pub(super) fn begin(&self) -> Start {
        let left = LEFT.get();
        if left == 0 {
            let usage = None;
            return Start {
                count: self.now(),
                usage,
            };
        }
        LEFT.set(left - 1);
        self.begin_closely()
    }

    /// Begins a poll that is looked at closely.
    pub(super) fn begin_closely(&self) -> Start {
        let usage = Usage::of_thread();
        Start {
            count: self.now(),
            usage,
        }
    }

    /// Ends a poll that took so many nanoseconds, which are many, and returns how long it kept its thread; none when it was not looked at
    /// closely, and the next ones are.
    #[cold]
    pub(super) fn weigh(&self, start: Start, nanos: u64) -> Option<u64> {
        #[cfg(test)]
        if let Self::Manual(_) = self {
            return Some(nanos);
        }
        let Some(after) = Usage::of_thread() else {
            return Some(nanos);
        };
        match start.usage {
            Some(before) => Some(kept(before, after, nanos)),
            None => {
                LEFT.set(CLOSELY);
                None
            }
        }
    }
}

/// A poll that waited for something kept its thread all the time; of one that was interrupted only its own time counts.
fn kept(before: Usage, after: Usage, nanos: u64) -> u64 {
    if after.waits > before.waits && after.preemptions == before.preemptions {
        nanos
    } else {
        nanos.min(after.cpu.saturating_sub(before.cpu))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_interrupted_poll_counts_by_what_it_used_itself() {
        let before = Usage {
            cpu: 1_000,
            waits: 3,
            preemptions: 5,
        };
        for (cpu, waits, preemptions, counts) in [
            (2_000, 3, 6, 1_000),
            (2_000, 4, 6, 1_000),
            (2_000, 4, 5, 9_000),
            (9_900, 3, 5, 8_900),
            (99_000, 3, 5, 9_000),
        ] {
            let after = Usage {
                cpu,
                waits,
                preemptions,
            };
            assert_eq!(kept(before, after, 9_000), counts, "{after:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_sleeps_waits_and_one_that_computes_uses_its_processor() {
        let before = Usage::of_thread().unwrap();
        std::thread::sleep(Duration::from_millis(1));
        let slept = Usage::of_thread().unwrap();
        assert!(slept.waits > before.waits, "{before:?}, {slept:?}");
        let mut used = slept;
        while used.cpu < slept.cpu + 5_000_000 {
            used = Usage::of_thread().unwrap();
        }
    }

    #[test]
    fn polls_after_a_long_one_are_looked_at_closely() {
        let meter = Meter::new();
        let start = meter.begin();
        assert!(start.usage.is_none());
        if meter.weigh(start, 1_000_000).is_none() {
            for _ in 0..CLOSELY {
                assert!(meter.begin().usage.is_some());
            }
            assert!(meter.begin().usage.is_none());
        }
    }
}
