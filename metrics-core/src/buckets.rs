//! The geometry of the fine histogram, and how it maps to the exported one.

use std::sync::Arc;

use histogram::Config;

use crate::native;

/// Exact up to 128 ns, then 64 buckets for each power of two: a bucket's midpoint is at most 0.8 % from anything in it. The
/// range ends at 2^43 ns, about 2 hours and 26 minutes; longer calls are counted in the last bucket.
pub(crate) const CONFIG: Config = match Config::new(GROUP_BITS as u8, RANGE_BITS) {
    Ok(config) => config,
    Err(_) => panic!("6 groups and 43 bits are within the limits of the histogram crate"),
};

const GROUP_BITS: u32 = 6;
const RANGE_BITS: u8 = 43;

/// The number of fine buckets.
pub(crate) const FINE: usize = (RANGE_BITS as usize - GROUP_BITS as usize + 1) << GROUP_BITS;

/// The longest time that has a bucket of its own.
pub(crate) const MAX_NANOS: u64 = (1 << RANGE_BITS) - 1;

/// The largest exported bound, in seconds: the lower end of the last bucket, so that calls beyond the range are under no bound but the
/// infinite one.
pub const MAX_BOUND_SECONDS: f64 =
    ((1u64 << RANGE_BITS) - (1u64 << (RANGE_BITS - 7)) - 1) as f64 / 1e9;

/// Returns the place of the fine bucket that counts a time up to [`MAX_NANOS`], as [`CONFIG`] says. With a geometry known to the compiler
/// it takes half of the instructions.
#[inline]
pub(crate) fn place(nanos: u64) -> usize {
    // The exact buckets have the lowest power whose buckets are as wide as one nanosecond.
    let power = (nanos | (1 << GROUP_BITS)).ilog2() - GROUP_BITS;
    ((power as usize) << GROUP_BITS) + (nanos >> power) as usize
}

/// The bounds of each fine bucket, and the exported bucket that it falls into.
#[derive(Debug)]
pub(crate) struct Geometry {
    bounds: Box<[f64]>,
    midpoints: Box<[f64]>,
    /// Where the fine buckets of each exported one end.
    ends: Box<[usize]>,
    native: Box<[i16]>,
    classes: Arc<[u8; FINE]>,
    exported_of_class: Box<[u32]>,
}

impl Geometry {
    /// Lays out the fine buckets for exported upper bounds in seconds, ascending.
    ///
    /// A fine bucket belongs to the first exported one whose bound is not below the fine bucket's lower end. So every call that took at most
    /// `le` is counted under `le`, and none that took over `le` and 1.6 % more.
    pub(crate) fn new(bounds_seconds: &[f64]) -> Self {
        let empty = histogram::Histogram::with_config(&CONFIG);
        let ranges: Vec<_> = empty.iter().map(|bucket| bucket.range()).collect();
        let exported = ranges.iter().map(|range| {
            let lower = *range.start() as f64;
            bounds_seconds.partition_point(|bound| (bound * 1e9).round() < lower) as u32
        });
        let exported: Box<[u32]> = exported.collect();
        let ends = (0..=bounds_seconds.len())
            .map(|place| exported.partition_point(|of_fine| *of_fine as usize <= place));
        let (classes, exported_of_class) = classes(&exported);
        let midpoints: Box<[f64]> = ranges
            .iter()
            .map(|range| (*range.start() as f64 + *range.end() as f64) / 2.0)
            .collect();
        Self {
            bounds: bounds_seconds.into(),
            ends: ends.collect(),
            classes,
            exported_of_class,
            native: midpoints.iter().copied().map(native::place).collect(),
            midpoints,
        }
    }

    /// Returns the exported upper bounds in seconds, without the infinite one.
    pub(crate) fn bounds_seconds(&self) -> &[f64] {
        &self.bounds
    }

    /// Returns the number of exported buckets, with the infinite one.
    pub(crate) fn exported_len(&self) -> usize {
        self.bounds.len() + 1
    }

    /// Adds fine counts to exported ones.
    pub(crate) fn fold(&self, fine: &[u32], exported: &mut [u64]) {
        let mut begin = 0;
        for (end, exported) in self.ends.iter().zip(exported) {
            let counts = fine[begin..*end].iter().map(|count| u64::from(*count));
            *exported += counts.sum::<u64>();
            begin = *end;
        }
    }

    /// Returns the index of each fine bucket in the finest native schema.
    pub(crate) fn native_places(&self) -> &[i16] {
        &self.native
    }

    /// Returns the class of each fine bucket: a power of two, or the part of one that is in one exported bucket.
    pub(crate) fn classes(&self) -> &Arc<[u8; FINE]> {
        &self.classes
    }

    /// Returns the place of the exported bucket that a class is in.
    fn exported_of_class(&self, class: u8) -> usize {
        self.exported_of_class[usize::from(class)] as usize
    }

    /// Returns the place of the exported bucket of a call that is in this class. The last class is in several of them when there are
    /// more than there are classes.
    pub(crate) fn exported_of(&self, class: u8, nanos: u64) -> usize {
        if class < u8::MAX {
            return self.exported_of_class(class);
        }
        let fine = place(nanos.min(MAX_NANOS));
        self.ends.partition_point(|end| *end <= fine)
    }

    /// Returns the nanoseconds that stand for a fine bucket.
    pub(crate) fn midpoint(&self, bucket: usize) -> f64 {
        self.midpoints[bucket]
    }

    /// Returns the number of fine buckets.
    pub(crate) fn fine_len(&self) -> usize {
        self.midpoints.len()
    }
}

/// Returns the class of each fine bucket, and the exported bucket of each class. With more bounds than there are numbers for, the last class
/// holds what is left.
fn classes(exported: &[u32]) -> (Arc<[u8; FINE]>, Box<[u32]>) {
    let mut of_class = vec![exported[0]];
    let mut classes = [0; FINE];
    for fine in 1..FINE {
        let another = exported[fine] != exported[fine - 1] || fine % (1 << GROUP_BITS) == 0;
        if another && of_class.len() <= usize::from(u8::MAX) {
            of_class.push(exported[fine]);
        }
        classes[fine] = (of_class.len() - 1) as u8;
    }
    (Arc::new(classes), of_class.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::DEFAULT_BUCKETS;

    proptest! {
        #[test]
        fn a_time_has_the_place_that_the_histogram_crate_gives_it(nanos in any::<u64>(), shift in 0u32..64) {
            let nanos = nanos >> shift;
            let mut histogram = histogram::Histogram32::with_config(&CONFIG);
            histogram.increment(nanos.min(MAX_NANOS)).unwrap();
            prop_assert_eq!(histogram.as_slice()[place(nanos.min(MAX_NANOS))], 1);
            prop_assert_eq!(histogram.as_slice().len(), FINE);
        }
    }

    #[test]
    fn a_class_is_within_one_exported_bucket_and_one_power_of_two() {
        for bounds in [&DEFAULT_BUCKETS[..], &[]] {
            let geometry = Geometry::new(bounds);
            for fine in 0..FINE {
                let class = geometry.classes()[fine];
                let exported = geometry.ends.partition_point(|end| *end <= fine);
                assert_eq!(
                    geometry.exported_of_class(class),
                    exported,
                    "fine bucket {fine}"
                );
            }
            assert!(geometry.exported_of_class.len() >= 38 + bounds.len());
        }
        let many: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!(Geometry::new(&many).exported_of_class.len(), 256);
    }

    fn fine(nanos: u64) -> Vec<u32> {
        let mut histogram = histogram::Histogram32::with_config(&CONFIG);
        histogram.increment(nanos).unwrap();
        histogram.as_slice().to_vec()
    }

    #[test]
    fn a_midpoint_is_within_one_percent_of_everything_in_its_bucket() {
        let geometry = Geometry::new(&DEFAULT_BUCKETS);
        for power in 0..RANGE_BITS {
            for nanos in [
                1u64 << power,
                (1 << power) + (1 << power) / 3,
                (2 << power) - 1,
            ] {
                let bucket = fine(nanos).iter().position(|count| *count == 1).unwrap();
                let error = (geometry.midpoint(bucket) - nanos as f64).abs() / nanos as f64;
                assert!(
                    error < 0.01,
                    "{nanos} ns is read as {} ns",
                    geometry.midpoint(bucket)
                );
            }
        }
    }

    #[test]
    fn a_call_beyond_the_range_is_under_no_bound_that_is_allowed() {
        let geometry = Geometry::new(&[1200.0, 7200.0, MAX_BOUND_SECONDS]);
        for (nanos, place) in [
            (1_199_000_000_000, 0),
            (7_199_000_000_000, 1),
            (7_600_000_000_000, 2),
            ((MAX_BOUND_SECONDS * 1e9) as u64, 2),
            (MAX_NANOS, 3),
        ] {
            let mut exported = vec![0; geometry.exported_len()];
            geometry.fold(&fine(nanos), &mut exported);
            assert_eq!(exported[place], 1, "{nanos} ns: {exported:?}");
        }
    }

    #[test]
    fn a_call_is_under_its_bound_among_any_number_of_them() {
        let bounds: Vec<_> = (1..=70_000).map(|n| f64::from(n) / 1e3).collect();
        let geometry = Geometry::new(&bounds);
        for seconds in [0.002, 0.5, 66.0, 69.9] {
            let mut exported = vec![0; geometry.exported_len()];
            geometry.fold(&fine((seconds * 1e9) as u64), &mut exported);
            let place = exported.iter().position(|count| *count == 1).unwrap();
            assert!((bounds[place] / seconds - 1.0).abs() < 0.02, "{seconds} s");
        }
    }

    #[test]
    fn a_call_of_exactly_a_bound_is_counted_under_it() {
        let geometry = Geometry::new(&DEFAULT_BUCKETS);
        for (place, bound) in DEFAULT_BUCKETS.iter().enumerate() {
            let mut exported = vec![0; geometry.exported_len()];
            geometry.fold(&fine((bound * 1e9).round() as u64), &mut exported);
            assert_eq!(exported[place], 1, "{bound} s");
        }
    }

    #[test]
    fn a_call_of_two_percent_more_than_a_bound_is_not_counted_under_it() {
        let geometry = Geometry::new(&DEFAULT_BUCKETS);
        for (place, bound) in DEFAULT_BUCKETS.iter().enumerate() {
            let mut exported = vec![0; geometry.exported_len()];
            geometry.fold(&fine((bound * 1.02e9).round() as u64), &mut exported);
            assert_eq!(exported[place + 1], 1, "{bound} s");
        }
    }
}
