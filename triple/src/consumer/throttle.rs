//! The attempt budget: retries end when most attempts fail, so that they cannot multiply an outage.
//!
//! A ratio, as in Finagle and Linkerd, on a reserve: each call that is answered earns half a retry, and each retry costs one. So
//! retries go on for as long as no more than a third of the attempts fail, and a provider that dies with hundreds of calls in
//! flight uses up part of the reserve. In a total outage nothing is earned: after [`RESERVE`] retries each call has one attempt.
//!
//! gRPC's retry throttling (proposal A6) is the same with other numbers: with its usual ratio of a tenth, retries end when a
//! tenth of the attempts fail, which one bad provider of nine brings about. Ejection keeps such a provider out, but not before
//! its failures were seen, and not when more than half of the providers fail.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// The retries that a consumer may make before it has earned any: enough for the calls in flight on one provider.
pub(crate) const RESERVE: i64 = 500;

/// What a retry costs, in what an answered call earns.
const COST: i64 = 2;

/// How many further attempts the recent outcomes allow, shared by all calls of one consumer.
#[derive(Debug)]
pub(crate) struct Throttle {
    earned: AtomicI64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            earned: AtomicI64::new(RESERVE * COST),
        }
    }
}

impl Throttle {
    /// Notes an attempt that was answered. While the reserve is full, as it nearly always is, nothing is written.
    pub(crate) fn succeeded(&self) {
        if self.earned.load(Relaxed) < RESERVE * COST {
            // Callers that get here at once go beyond the reserve by a little, which the next retry takes away.
            self.earned.fetch_add(1, Relaxed);
        }
    }

    /// Takes one retry; false when there is none.
    pub(crate) fn take(&self) -> bool {
        self.earned
            .fetch_update(Relaxed, Relaxed, |earned| {
                (earned >= COST).then_some(earned - COST)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_hundreds_of_failures_may_be_retried() {
        let throttle = Throttle::default();
        let allowed = (0..400).filter(|_| throttle.take()).count();
        assert_eq!(allowed, 400);
    }

    #[test]
    fn a_lasting_outage_ends_retries() {
        let throttle = Throttle::default();
        let allowed = (0..10_000).filter(|_| throttle.take()).count();
        assert_eq!(allowed, 500, "in an outage of 10,000 attempts");
    }

    #[test]
    fn retries_go_on_while_a_third_of_the_attempts_fail() {
        let throttle = Throttle::default();
        for call in 0..10_000 {
            if call % 2 == 0 {
                assert!(throttle.take(), "call {call}");
            }
            throttle.succeeded();
        }
    }

    #[test]
    fn successes_bring_retries_back() {
        let throttle = Throttle::default();
        while throttle.take() {}
        assert!(!throttle.take());
        throttle.succeeded();
        throttle.succeeded();
        assert!(throttle.take(), "one retry for two calls");
    }
}
