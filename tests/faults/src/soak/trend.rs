//! Whether something grows: a straight line through its values.

use test_servers::Regression;

/// Values over time.
#[derive(Clone, Debug, Default)]
pub(super) struct Trend {
    points: Vec<(f64, f64)>,
}

impl Trend {
    /// Adds a value at a moment, in any unit.
    pub(super) fn add(&mut self, moment: f64, value: f64) {
        self.points.push((moment, value));
    }

    /// Returns the first value; none is 0.
    pub(super) fn first(&self) -> f64 {
        self.points.first().map_or(0.0, |point| point.1)
    }

    /// Returns the last value; none is 0.
    pub(super) fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.1)
    }

    /// Returns the largest value; none is 0.
    pub(super) fn most(&self) -> f64 {
        self.points
            .iter()
            .fold(0.0, |most, point| most.max(point.1))
    }

    /// Returns how much the line of least squares rises in one unit of time; fewer than two points have no slope.
    pub(super) fn slope(&self) -> f64 {
        Regression::of(&self.points).map_or(0.0, |line| line.slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(points: impl IntoIterator<Item = (f64, f64)>) -> Trend {
        let mut trend = Trend::default();
        points.into_iter().for_each(|(x, y)| trend.add(x, y));
        trend
    }

    #[test]
    fn what_rises_has_a_slope_a_first_and_a_largest_value() {
        let rising = trend([(0.0, 12.0), (1.0, 18.0), (2.0, 18.0)]);
        assert_eq!(rising.slope(), 3.0);
        assert_eq!(
            (rising.first(), rising.last(), rising.most()),
            (12.0, 18.0, 18.0)
        );
    }

    #[test]
    fn what_stays_or_was_seen_once_has_no_slope() {
        assert_eq!(trend((0..10).map(|x| (f64::from(x), 42.0))).slope(), 0.0);
        assert_eq!(trend([(1.0, 1.0)]).slope(), 0.0);
        assert_eq!(trend([]).slope(), 0.0);
    }
}
