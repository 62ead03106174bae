//! What every part works with.

use crate::extent::Extent;
use crate::h2load::H2load;
use crate::programs::Programs;
use crate::progress::Progress;
use crate::subject::Subject;

/// The programs, the load, and how much of it.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) programs: Programs,
    pub(crate) h2load: H2load,
    pub(crate) extent: Extent,
    pub(crate) progress: Progress,
}

impl Bench {
    /// Returns those of the subjects that can be measured here.
    pub(crate) fn of(&self, subjects: &[Subject]) -> Vec<Subject> {
        subjects
            .iter()
            .copied()
            .filter(|subject| self.programs.have(*subject))
            .collect()
    }

    /// Returns the places of so many subjects in this round: all in turn, and every other round backwards, so that none always
    /// comes behind the same one.
    pub(crate) fn order(round: usize, count: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..count).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_round_goes_backwards() {
        assert_eq!(Bench::order(0, 3), [0, 1, 2]);
        assert_eq!(Bench::order(1, 3), [2, 1, 0]);
    }
}
