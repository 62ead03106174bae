//! One closed pane: what happened between two edges, in little space.

use super::Totals;

/// What one series did between two edges.
#[derive(Debug)]
pub(super) struct Pane {
    pub(super) number: u64,
    pub(super) totals: Totals,
    pub(super) counts: Counts,
}

impl Pane {
    pub(super) fn new(number: u64, totals: Totals, counts: &[u32]) -> Self {
        Self {
            number,
            totals,
            counts: Counts::new(counts),
        }
    }
}

/// The fine buckets of a pane: pairs of place and count while these are smaller, all of them otherwise.
#[derive(Debug)]
pub(super) enum Counts {
    Sparse {
        places: Box<[u16]>,
        counts: Box<[u32]>,
    },
    Dense(Box<[u32]>),
}

impl Counts {
    fn new(counts: &[u32]) -> Self {
        let used = counts.iter().filter(|count| **count != 0).count();
        if used * (size_of::<u16>() + size_of::<u32>()) >= size_of_val(counts) {
            return Self::Dense(counts.into());
        }
        let (mut places, mut values) = (Vec::with_capacity(used), Vec::with_capacity(used));
        for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count != 0) {
            places.push(
                u16::try_from(place).expect("the fine histogram has fewer than 65,536 buckets"),
            );
            values.push(*count);
        }
        Self::Sparse {
            places: places.into(),
            counts: values.into(),
        }
    }

    /// Takes these counts out of a sum that they were added to.
    pub(super) fn subtract_from(&self, sum: &mut [u32]) {
        match self {
            Self::Sparse { places, counts } => {
                for (place, count) in places.iter().zip(counts) {
                    let total = &mut sum[usize::from(*place)];
                    *total = total.wrapping_sub(*count);
                }
            }
            Self::Dense(counts) => {
                for (total, count) in sum.iter_mut().zip(counts) {
                    *total = total.wrapping_sub(*count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_dense_counts_take_out_what_was_put_in() {
        for used in [0, 1, 7, 63, 64] {
            let counts: Vec<u32> = (0..64)
                .map(|place| if place < used { place + 1 } else { 0 })
                .collect();
            let mut sum: Vec<u32> = counts.iter().map(|count| count + 5).collect();
            Counts::new(&counts).subtract_from(&mut sum);
            assert_eq!(sum, vec![5; 64], "{used} buckets in use");
        }
    }

    #[test]
    fn counts_never_take_more_space_than_all_buckets() {
        let full = vec![1; 2240];
        assert!(matches!(Counts::new(&full), Counts::Dense(_)), "all in use");
        let half: Vec<u32> = (0..2240).map(|place| u32::from(place % 2 == 0)).collect();
        assert!(
            matches!(Counts::new(&half), Counts::Sparse { .. }),
            "half in use"
        );
    }
}
