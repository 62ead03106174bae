//! Straight lines through measured points, and what they say about growth.

use std::fmt;

use test_servers::Regression;

/// A line rises by less than this share of its value at one unit: it is flat.
const FLAT: f64 = 0.15;
/// A line explains at least this share of the variance of its points: the growth is linear.
const LINEAR: f64 = 0.97;
/// A line through fewer points explains nothing.
const ENOUGH: usize = 3;

/// What became of a figure while units were added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Growth {
    /// It hardly moved.
    Flat,
    /// Each unit costs the same.
    Linear,
    /// It became less.
    Falling,
    /// It rose, and a line does not explain how.
    Neither,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flat => "flat",
            Self::Linear => "linear",
            Self::Falling => "falling",
            Self::Neither => "neither flat nor linear",
        })
    }
}

/// What the line of least squares says of its points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fit {
    /// What each unit adds.
    pub(crate) per_unit: f64,
    /// The share of the variance that the line explains, 0 to 1.
    pub(crate) r_squared: f64,
    /// What the line and its points say together.
    pub(crate) growth: Growth,
}

impl Fit {
    /// Fits a line to points of units and values; none for fewer than two different numbers of units.
    pub(crate) fn of(points: &[(f64, f64)]) -> Option<Self> {
        let line = Regression::of(points)?;
        let mean = points.iter().map(|point| point.1).sum::<f64>() / points.len() as f64;
        let squares = |of: &dyn Fn(f64) -> f64| -> f64 {
            points
                .iter()
                .map(|&(units, value)| (value - of(units)).powi(2))
                .sum()
        };
        let (total, left) = (squares(&|_| mean), squares(&|units| line.at(units)));
        let r_squared = if total == 0.0 {
            1.0
        } else {
            1.0 - left / total
        };
        Some(Self {
            per_unit: line.slope,
            r_squared,
            growth: growth(points, line.slope, r_squared),
        })
    }
}

fn growth(points: &[(f64, f64)], per_unit: f64, r_squared: f64) -> Growth {
    let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    let lowest = points.iter().min_by(by_value).map_or(0.0, |point| point.1);
    let highest = points.iter().max_by(by_value).map_or(0.0, |point| point.1);
    if highest - lowest <= FLAT * lowest.abs() {
        Growth::Flat
    } else if per_unit < 0.0 {
        Growth::Falling
    } else if r_squared >= LINEAR && points.len() >= ENOUGH {
        Growth::Linear
    } else {
        Growth::Neither
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_give_back_the_line() {
        let fit = Fit::of(&[(1.0, 12.0), (10.0, 30.0), (1000.0, 2010.0)]).unwrap();
        assert!((fit.per_unit - 2.0).abs() < 1e-9, "{fit:?}");
        assert!((fit.r_squared - 1.0).abs() < 1e-9, "{fit:?}");
        assert_eq!(fit.growth, Growth::Linear);
    }

    #[test]
    fn noise_around_a_constant_is_flat() {
        let fit = Fit::of(&[(1.0, 100.0), (10.0, 104.0), (100.0, 98.0), (1000.0, 103.0)]).unwrap();
        assert_eq!(fit.growth, Growth::Flat);
    }

    #[test]
    fn squares_and_two_points_are_not_linear_and_neither_is_what_falls() {
        let squares: Vec<_> = [1.0, 10.0, 100.0, 300.0, 1000.0]
            .map(|n: f64| (n, n * n))
            .into();
        assert_eq!(Fit::of(&squares).unwrap().growth, Growth::Neither);
        let falling = Fit::of(&[(1.0, 100.0), (10.0, 91.0), (100.0, 1.0)]).unwrap();
        assert_eq!(falling.growth, Growth::Falling);
        let two = Fit::of(&[(1.0, 100.0), (10.0, 191.0)]).unwrap();
        assert_eq!(two.growth, Growth::Neither);
    }

    #[test]
    fn one_point_has_no_line() {
        assert_eq!(Fit::of(&[(1.0, 2.0)]), None);
        assert_eq!(Fit::of(&[]), None);
    }
}
