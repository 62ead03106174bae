//! The figures of one series at one moment.

use std::sync::Arc;

use crate::buckets::Geometry;
use crate::exemplars::Exemplars;
use crate::native::Native;
use crate::outcome::CODES;
use crate::window::Totals;

/// The quantiles that Dubbo exports, in the order of its families.
pub(crate) const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Everything that one reading of a series says.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) totals: Totals,
    /// Ended calls per code.
    pub(crate) codes: [u64; CODES],
    /// Calls per exported bucket, not cumulative, the infinite one last.
    pub(crate) exported: Vec<u64>,
    pub(crate) native: Native,
    pub(crate) exemplars: Arc<Exemplars>,
    pub(crate) last_nanos: Option<f64>,
    pub(crate) extremes_nanos: Option<(u64, u64)>,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) attempts_ok: u64,
    pub(crate) attempts_failed: u64,
    pub(crate) window: Windowed,
}

impl Reading {
    /// Returns the number of calls that started and have not ended.
    pub(crate) fn in_flight(&self) -> u64 {
        self.totals
            .started
            .saturating_sub(self.totals.outcomes.total())
    }
}

/// What happened in the sliding window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Windowed {
    pub(crate) totals: Totals,
    pub(crate) span_seconds: f64,
    /// The shortest and the longest call, within 1 %.
    pub(crate) extremes_nanos: Option<(f64, f64)>,
    /// One value for each of [`QUANTILES`], within 1 %; NaN when no call ended.
    pub(crate) quantiles_nanos: [f64; 4],
}

impl Windowed {
    /// Derives the figures from the fine buckets of the window. A bucket's midpoint is moved into the extremes since the start, which are exact.
    pub(crate) fn new(
        totals: Totals,
        span_seconds: f64,
        fine: &[u32],
        extremes: Option<(u64, u64)>,
        geometry: &Geometry,
    ) -> Self {
        let value = |bucket: usize| {
            let midpoint = geometry.midpoint(bucket);
            extremes.map_or(midpoint, |(min, max)| {
                midpoint.clamp(min as f64, max as f64)
            })
        };
        let ended: u64 = fine.iter().map(|count| u64::from(*count)).sum();
        let lowest = fine.iter().position(|count| *count != 0);
        let highest = fine.iter().rposition(|count| *count != 0);
        Self {
            totals,
            span_seconds,
            extremes_nanos: lowest
                .zip(highest)
                .map(|(low, high)| (value(low), value(high))),
            quantiles_nanos: quantile_buckets(fine, ended)
                .map(|bucket| bucket.map_or(f64::NAN, value)),
        }
    }
}

/// Returns the bucket that holds each quantile: that of the call with rank ⌈q·n⌉.
fn quantile_buckets(fine: &[u32], ended: u64) -> [Option<usize>; 4] {
    let mut found = [None; 4];
    let (mut below, mut next) = (0, 0);
    for (bucket, count) in fine.iter().enumerate().filter(|(_, count)| **count != 0) {
        below += u64::from(*count);
        while next < QUANTILES.len() && below as f64 >= QUANTILES[next] * ended as f64 {
            found[next] = Some(bucket);
            next += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_calls_of_their_ranks() {
        let fine = [0, 50, 0, 40, 5, 4, 1];
        assert_eq!(
            quantile_buckets(&fine, 100),
            [Some(1), Some(3), Some(4), Some(5)]
        );
        assert_eq!(
            quantile_buckets(&[0, 1], 1),
            [Some(1); 4],
            "one call is every quantile"
        );
        assert_eq!(quantile_buckets(&[0, 0], 0), [None; 4], "no call is none");
    }
}
