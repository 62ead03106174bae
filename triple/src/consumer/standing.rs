//! What a consumer remembers of one provider between calls: load, failures, response times, weight.
//!
//! Hot path: the calls in flight are written with every attempt. All else is written when something changes: a failure, the first
//! success after one, a response time that differs from those before.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::clock::Moment;
use super::ejection::Ejection;

/// How long a failure counts as load before it counts half. Longer keeps calls away from a provider that failed once.
const FAILURE_HALF_LIFE: Duration = Duration::from_secs(1);

/// The calls in flight that one failure counts as.
const FAILURE_LOAD: u64 = 4;

/// How long an estimate of the response time holds before it is worth half, so that a slow provider is tried again.
const LATENCY_HALF_LIFE: Duration = Duration::from_secs(5);

/// One call begun, in the upper half of the word whose lower half counts the calls in flight.
const BEGUN: u64 = 1 << 32;

/// What every call writes to, apart from what calls only read.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

/// One provider's standing.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Calls begun (upper half, wrapping) and in flight (lower half), so that both cost one write.
    calls: Padded<AtomicU64>,
    /// Attempts that failed, wrapping.
    failures: AtomicU32,
    /// Attempts that failed since the last one that was answered.
    failed_in_a_row: AtomicU32,
    /// Attempts that were refused since the last one that was answered.
    refused_in_a_row: AtomicU32,
    /// When the newest failure came (upper part, milliseconds) and what the recent ones weigh (lower 16 bits).
    recent: AtomicU64,
    /// When the estimate of the response time was made (upper half, milliseconds) and what it is (lower half, microseconds).
    latency: AtomicU64,
    weight: AtomicU32,
    /// Where a provider is warming up: the moment at which it has its whole weight (microseconds); else 0.
    warm: AtomicU64,
    warmup_micros: AtomicU64,
    /// Calls and failures at the last look.
    seen: Mutex<Share>,
    ejection: Ejection,
}

/// Calls and how many of them failed, both wrapping.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    pub(super) calls: u32,
    pub(super) failures: u32,
}

impl Share {
    pub(super) fn percent_failed(self) -> u32 {
        let percent = u64::from(self.failures) * 100 / u64::from(self.calls.max(1));
        u32::try_from(percent).unwrap_or(u32::MAX)
    }

    pub(super) fn success_rate(self) -> f64 {
        1.0 - f64::from(self.failures) / f64::from(self.calls.max(1))
    }
}

impl Standing {
    pub(crate) fn new(weight: u32) -> Self {
        Self {
            calls: Padded::default(),
            failures: AtomicU32::new(0),
            failed_in_a_row: AtomicU32::new(0),
            refused_in_a_row: AtomicU32::new(0),
            recent: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            weight: AtomicU32::new(weight),
            warm: AtomicU64::new(0),
            warmup_micros: AtomicU64::new(0),
            seen: Mutex::default(),
            ejection: Ejection::default(),
        }
    }

    /// Counts a call as begun and in flight, until [`leave`](Self::leave).
    pub(crate) fn enter(&self) {
        self.calls.0.fetch_add(BEGUN + 1, Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.calls.0.fetch_sub(1, Relaxed);
    }

    /// Returns the calls that are on their way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.calls.0.load(Relaxed) & (BEGUN - 1)
    }

    /// Returns how many calls have begun, wrapping.
    pub(crate) fn begun(&self) -> u32 {
        (self.calls.0.load(Relaxed) >> 32) as u32
    }

    /// Returns the calls in flight and, as such, what failed lately: a provider that fails at once has nothing in flight.
    pub(crate) fn load(&self, now: Moment) -> u64 {
        self.in_flight() + FAILURE_LOAD * self.recent_failures(now)
    }

    /// Notes an attempt that was answered.
    pub(crate) fn succeeded(&self, now: Moment, took: Duration) {
        for in_a_row in [&self.failed_in_a_row, &self.refused_in_a_row] {
            if in_a_row.load(Relaxed) != 0 {
                in_a_row.store(0, Relaxed);
            }
        }
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let before = self.latency(now);
        // A rise is followed faster than a fall: who becomes slow should notice it first.
        let after = match before {
            0 => took,
            _ if took > before => before + (took - before).div_ceil(2),
            _ => before - (before - took) / 4,
        };
        let age = millis(now).wrapping_sub((self.latency.load(Relaxed) >> 32) as u32);
        let settled = after.abs_diff(before) <= before / 8;
        if !settled || u128::from(age) > LATENCY_HALF_LIFE.as_millis() / 8 {
            let word = u64::from(millis(now)) << 32 | u64::from(after);
            self.latency.store(word, Relaxed);
        }
    }

    /// Notes an attempt that failed in a way that another provider's might not. Returns how many did so in a row.
    pub(crate) fn failed(&self, now: Moment) -> u32 {
        self.failures.fetch_add(1, Relaxed);
        self.weigh_failure(now);
        one_more(&self.failed_in_a_row)
    }

    /// Notes an attempt that the provider refused because of a limit of its own, which is load and no failure. Returns how many it did so
    /// since it last answered.
    pub(crate) fn refused(&self, now: Moment) -> u32 {
        self.weigh_failure(now);
        one_more(&self.refused_in_a_row)
    }

    fn weigh_failure(&self, now: Moment) {
        let recent = (self.recent_failures(now) + 1).min(u64::from(u16::MAX));
        self.recent
            .store(u64::from(millis(now)) << 16 | recent, Relaxed);
    }

    /// Returns whether the last attempt here failed or was refused.
    pub(crate) fn is_failing(&self) -> bool {
        self.failed_in_a_row.load(Relaxed) != 0 || self.refused_in_a_row.load(Relaxed) != 0
    }

    /// Returns whether an attempt was answered here, and none has failed since.
    pub(crate) fn is_proven(&self) -> bool {
        self.latency.load(Relaxed) != 0 && !self.is_failing()
    }

    fn recent_failures(&self, now: Moment) -> u64 {
        let word = self.recent.load(Relaxed);
        if word == 0 {
            return 0;
        }
        let age = millis(now).wrapping_sub((word >> 16) as u32);
        let halvings = u128::from(age) / FAILURE_HALF_LIFE.as_millis();
        (word & u64::from(u16::MAX)) >> halvings.min(63)
    }

    /// Returns the estimate of the response time in microseconds, less the older it is; 0 when there is none.
    pub(crate) fn latency(&self, now: Moment) -> u32 {
        let word = self.latency.load(Relaxed);
        let age = millis(now).wrapping_sub((word >> 32) as u32);
        let halvings = u128::from(age) / LATENCY_HALF_LIFE.as_millis();
        (word as u32) >> halvings.min(31)
    }

    /// Takes over the weight that the registry lists, and how long the provider still warms up of how long in all.
    pub(crate) fn reweigh(&self, weight: u32, now: Moment, left: Duration, warmup: Duration) {
        self.weight.store(weight, Relaxed);
        let warm = if left.is_zero() {
            0
        } else {
            (now + left).micros()
        };
        self.warmup_micros
            .store(Moment::after(warmup).micros(), Relaxed);
        self.warm.store(warm, Relaxed);
    }

    /// Returns whether the provider gets calls while there are others: one of weight 0 does not.
    pub(crate) fn has_weight(&self) -> bool {
        self.weight.load(Relaxed) > 0
    }

    /// Returns the weight: in the first minutes of a provider's life the share of it that Dubbo gives, at least 1.
    pub(crate) fn weight(&self, now: Moment) -> u32 {
        let (weight, warm) = (self.weight.load(Relaxed), self.warm.load(Relaxed));
        if warm == 0 || weight == 0 {
            return weight;
        }
        let left = warm.saturating_sub(now.micros());
        if left == 0 {
            self.warm.store(0, Relaxed);
            return weight;
        }
        let warmup = self.warmup_micros.load(Relaxed).max(1);
        let lived = u128::from(warmup.saturating_sub(left));
        let share = u128::from(weight) * lived / u128::from(warmup);
        u32::try_from(share).unwrap_or(weight).clamp(1, weight)
    }

    pub(super) fn ejection(&self) -> &Ejection {
        &self.ejection
    }

    /// Returns the calls since the last look and how many of them failed, and begins anew.
    pub(super) fn look(&self) -> Share {
        let all = Share {
            calls: self.begun(),
            failures: self.failures.load(Relaxed),
        };
        let seen = std::mem::replace(&mut *self.seen.lock(), all);
        Share {
            calls: all.calls.wrapping_sub(seen.calls),
            failures: all.failures.wrapping_sub(seen.failures),
        }
    }
}

/// Counts one more, up to the largest number. Returns the new count.
fn one_more(count: &AtomicU32) -> u32 {
    let more = |count: u32| count.saturating_add(1);
    let before = count.fetch_update(Relaxed, Relaxed, |count| Some(more(count)));
    before.map_or(u32::MAX, more)
}

/// Returns the moment in milliseconds, which wrap after 49 days: ages are what counts.
fn millis(moment: Moment) -> u32 {
    (moment.micros() / 1000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(seconds: u64) -> Moment {
        Moment::after(Duration::from_secs(seconds))
    }

    #[test]
    fn failures_count_as_load_and_are_forgotten() {
        let standing = Standing::new(100);
        standing.enter();
        assert_eq!(standing.load(at(10)), 1);
        standing.failed(at(10));
        standing.failed(at(10));
        assert_eq!(standing.load(at(10)), 1 + 2 * FAILURE_LOAD);
        assert_eq!(standing.load(at(11)), 1 + FAILURE_LOAD);
        assert_eq!(standing.load(at(20)), 1);
        standing.leave();
        assert_eq!(standing.load(at(20)), 0);
    }

    #[test]
    fn a_success_ends_a_row_of_failures() {
        let standing = Standing::new(100);
        assert_eq!((standing.failed(at(1)), standing.failed(at(1))), (1, 2));
        standing.succeeded(at(1), MS);
        assert!(!standing.is_failing());
        assert_eq!(standing.failed(at(1)), 1);
    }

    #[test]
    fn failures_and_refusals_are_counted_apart_however_many_there_are() {
        let standing = Standing::new(100);
        for number in 1..=70_000 {
            assert_eq!(standing.failed(at(1)), number);
        }
        assert_eq!(standing.refused(at(1)), 1);
        for number in 2..=70_000 {
            assert_eq!(standing.refused(at(1)), number);
        }
        assert_eq!(standing.failed(at(1)), 70_001);
        standing.succeeded(at(1), MS);
        assert_eq!((standing.failed(at(1)), standing.refused(at(1))), (1, 1));
    }

    #[test]
    fn a_provider_is_proven_by_an_answer_until_it_fails() {
        let standing = Standing::new(100);
        assert!(!standing.is_proven(), "nothing is known");
        standing.succeeded(at(1), MS);
        assert!(standing.is_proven());
        standing.refused(at(1));
        assert!(!standing.is_proven());
        standing.succeeded(at(2), MS);
        assert!(standing.is_proven());
    }

    #[test]
    fn response_times_are_followed_and_fade() {
        let standing = Standing::new(100);
        for _ in 0..50 {
            standing.succeeded(at(1), 10 * MS);
        }
        assert_eq!(standing.latency(at(1)), 10_000);
        for _ in 0..20 {
            standing.succeeded(at(1), 100 * MS);
        }
        assert!(
            standing.latency(at(1)) > 85_000,
            "{}",
            standing.latency(at(1))
        );
        assert!(
            standing.latency(at(31)) < 2_000,
            "a slow provider is tried again"
        );
    }

    /// Dubbo's formula: <https://github.com/apache/dubbo/blob/3.3/dubbo-cluster/src/main/java/org/apache/dubbo/rpc/cluster/loadbalance/AbstractLoadBalance.java>
    #[test]
    fn a_provider_warms_up_as_dubbo_computes_it() {
        let standing = Standing::new(0);
        let warmup = Duration::from_secs(600);
        standing.reweigh(100, at(0), warmup, warmup);
        for (seconds, weight) in [
            (0, 1),
            (5, 1),
            (12, 2),
            (60, 10),
            (300, 50),
            (599, 99),
            (600, 100),
        ] {
            assert_eq!(standing.weight(at(seconds)), weight, "after {seconds} s");
        }
        standing.reweigh(0, at(0), warmup, warmup);
        assert_eq!(standing.weight(at(300)), 0, "0 stays 0");
    }

    #[test]
    fn a_look_tells_what_came_since_the_last_one() {
        let standing = Standing::new(100);
        for _ in 0..10 {
            standing.enter();
        }
        standing.failed(at(1));
        let share = standing.look();
        assert_eq!((share.calls, share.failures), (10, 1));
        let share = standing.look();
        assert_eq!((share.calls, share.failures), (0, 0));
    }
}
