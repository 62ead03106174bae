//! Growing, jittered pauses between attempts.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Pauses between the attempts of one thing, growing from a tenth of a second to two seconds.
///
/// The limit is low because a registration that is late costs calls; the jitter keeps the processes of a cluster apart.
#[derive(Debug)]
pub(super) struct Backoff {
    delays: ExponentialBackoff,
    factor: u32,
}

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        Self {
            delays: Self::delays(),
            factor: 1,
        }
    }

    /// Makes pauses that are thirty times as long, for what no call depends on.
    pub(super) fn long() -> Self {
        Self {
            factor: 30,
            ..Self::new()
        }
    }

    /// Begins with short pauses again.
    pub(super) fn reset(&mut self) {
        self.delays = Self::delays();
    }

    /// Returns the next pause; the jitter adds up to as much again.
    pub(super) fn next(&mut self) -> Duration {
        self.delays.next().unwrap_or(Self::LONGEST) * self.factor
    }

    fn delays() -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(Self::SHORTEST)
            .with_max_delay(Self::LONGEST)
            .without_max_times()
            .with_jitter()
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_start_small_again() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..100).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= 2 * Backoff::SHORTEST, "{:?}", pauses[0]);
        assert!(
            pauses
                .iter()
                .all(|pause| *pause >= Backoff::SHORTEST && *pause <= 2 * Backoff::LONGEST)
        );
        assert!(pauses[99] >= Backoff::LONGEST, "{:?}", pauses[99]);
        backoff.reset();
        assert!(backoff.next() <= 2 * Backoff::SHORTEST);
    }
}
