//! The attempt budget: retries stop when most attempts fail, so that they cannot multiply an outage.
//!
//! gRPC's retry throttling (proposal A6): a count of tokens goes down by one for each failed attempt and up by a tenth for
//! each that succeeds; a retry needs more than half of the tokens. With [`MOST_TOKENS`] at its largest value a provider
//! that dies with hundreds of calls in flight exhausts nothing, and a lasting outage costs one attempt for each call.

use std::sync::atomic::{AtomicI64, Ordering};

/// gRPC's limit for the number of tokens.
const MOST_TOKENS: i64 = 1000;

/// A token is counted in tenths, so that a success is a whole number.
const SCALE: i64 = 10;

/// How many further attempts the recent outcomes allow, shared by all calls of one consumer.
#[derive(Debug)]
pub(crate) struct Throttle {
    tenths: AtomicI64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            tenths: AtomicI64::new(MOST_TOKENS * SCALE),
        }
    }
}

impl Throttle {
    /// Notes an attempt that succeeded. While the budget is full, as it nearly always is, nothing is written.
    pub(crate) fn succeeded(&self) {
        if self.tenths.load(Ordering::Relaxed) < MOST_TOKENS * SCALE {
            // Callers that get here at once overshoot by a tenth each, which the next failure takes away.
            self.tenths.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes an attempt that failed in a way that another one might not. True when another one may be made.
    pub(crate) fn failed(&self) -> bool {
        let before = self
            .tenths
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tenths| {
                Some((tenths - SCALE).max(0))
            })
            .unwrap_or_else(|tenths| tenths);
        before - SCALE > MOST_TOKENS * SCALE / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_hundreds_of_failures_may_be_retried() {
        let throttle = Throttle::default();
        let allowed = (0..400).filter(|_| throttle.failed()).count();
        assert_eq!(allowed, 400);
    }

    #[test]
    fn a_lasting_outage_ends_retries() {
        let throttle = Throttle::default();
        let allowed = (0..10_000).filter(|_| throttle.failed()).count();
        assert!(
            allowed <= 500,
            "{allowed} retries in an outage of 10,000 attempts"
        );
    }

    #[test]
    fn successes_bring_retries_back() {
        let throttle = Throttle::default();
        while throttle.failed() {}
        for _ in 0..6000 {
            throttle.succeeded();
        }
        assert!(throttle.failed(), "retries are allowed after the outage");
    }
}
