//! The buckets of Prometheus's native histograms: exponential, sparse, and as fine as their number allows.
//!
//! Bucket `i` of schema `s` holds what is above `2^((i-1)/2^s)` seconds and at most `2^(i/2^s)`:
//! <https://prometheus.io/docs/specs/native_histograms/>.

/// The finest schema: a bucket ends 2.2 % above its beginning.
const FINEST: i8 = 5;
/// The coarsest schema: a bucket ends 9.1 % above its beginning.
const COARSEST: i8 = 3;
/// With more buckets in use than this the next coarser schema is taken, down to the coarsest.
const MAX_BUCKETS: usize = 160;
/// Stands for the bucket of zero in [`place`].
const ZERO: i16 = i16::MIN;

/// Calls by native bucket, since the start.
#[derive(Clone, Debug)]
pub(crate) struct Native {
    schema: i8,
    zero: u64,
    /// Indices in ascending order, each with its count.
    places: Vec<i16>,
    counts: Vec<u64>,
}

impl Default for Native {
    fn default() -> Self {
        Self {
            schema: FINEST,
            zero: 0,
            places: Vec::new(),
            counts: Vec::new(),
        }
    }
}

/// Returns the index of a time in the finest schema.
pub(crate) fn place(nanos: f64) -> i16 {
    if nanos <= 0.0 {
        return ZERO;
    }
    ((nanos / 1e9).log2() * f64::from(1 << FINEST)).ceil() as i16
}

impl Native {
    /// Adds the counts of fine buckets, whose indices in the finest schema are `places`, in ascending order.
    pub(crate) fn add(&mut self, fine: &[u32], places: &[i16]) {
        let mut at = 0;
        for (count, place) in fine.iter().zip(places).filter(|(count, _)| **count != 0) {
            let count = u64::from(*count);
            if *place == ZERO {
                self.zero += count;
                continue;
            }
            let place = coarser(*place, FINEST - self.schema);
            while self.places.get(at).is_some_and(|known| *known < place) {
                at += 1;
            }
            if self.places.get(at) == Some(&place) {
                self.counts[at] += count;
            } else {
                self.places.insert(at, place);
                self.counts.insert(at, count);
            }
        }
        while self.places.len() > MAX_BUCKETS && self.schema > COARSEST {
            self.coarsen();
        }
        self.places.shrink_to_fit();
        self.counts.shrink_to_fit();
    }

    fn coarsen(&mut self) {
        self.schema -= 1;
        let (mut places, mut counts) = (Vec::<i16>::new(), Vec::<u64>::new());
        for (place, count) in self.buckets() {
            let place = coarser(place, 1);
            match (places.last(), counts.last_mut()) {
                (Some(last), Some(sum)) if *last == place => *sum += count,
                _ => {
                    places.push(place);
                    counts.push(count);
                }
            }
        }
        places.shrink_to_fit();
        counts.shrink_to_fit();
        (self.places, self.counts) = (places, counts);
    }

    pub(crate) fn schema(&self) -> i8 {
        self.schema
    }

    /// Returns the calls that took no time at all.
    pub(crate) fn zero(&self) -> u64 {
        self.zero
    }

    /// Returns the buckets in use, with their indices in ascending order.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (i16, u64)> {
        self.places.iter().copied().zip(self.counts.iter().copied())
    }

    /// Returns the number of calls.
    pub(crate) fn count(&self) -> u64 {
        self.zero + self.counts.iter().sum::<u64>()
    }
}

/// Returns the index of the bucket, in a schema coarser by `steps`, that a bucket is part of.
fn coarser(place: i16, steps: i8) -> i16 {
    ((place - 1) >> steps) + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::buckets::{CONFIG, Geometry};

    fn upper(place: i16, schema: i8) -> f64 {
        2f64.powf(f64::from(place) / f64::from(1 << schema)) * 1e9
    }

    proptest! {
        #[test]
        fn every_call_is_counted_in_a_bucket_that_holds_its_time(nanos in proptest::collection::vec(1u64..(1 << 43), 1..600)) {
            let geometry = Geometry::new(&[]);
            let mut native = Native::default();
            for chunk in nanos.chunks(7) {
                let mut fine = histogram::Histogram32::with_config(&CONFIG);
                chunk.iter().for_each(|nanos| fine.increment(*nanos).unwrap());
                native.add(fine.as_slice(), geometry.native_places());
            }
            prop_assert_eq!(native.count(), nanos.len() as u64);
            prop_assert!(native.buckets().zip(native.buckets().skip(1)).all(|(a, b)| a.0 < b.0));
            prop_assert!(native.schema() >= COARSEST && native.buckets().count() <= 44 * 8);
            // The rank of each bucket's last call holds a time within the bucket, but for the width of a fine one.
            let mut sorted = nanos.clone();
            sorted.sort_unstable();
            let mut rank = 0;
            for (place, count) in native.buckets() {
                rank += count as usize;
                let last = sorted[rank - 1] as f64;
                let (low, high) = (upper(place - 1, native.schema()), upper(place, native.schema()));
                prop_assert!(last > low * 0.98 && last <= high * 1.02, "{last} in {low}..{high}");
            }
        }
    }
}
