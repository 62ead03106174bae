//! Whether something grows: a straight line through its values.

/// Values over time, and the line through them that is nearest by least squares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trend {
    points: Vec<(f64, f64)>,
}

impl Trend {
    /// Adds a value at a moment, in any unit.
    pub(crate) fn add(&mut self, moment: f64, value: f64) {
        self.points.push((moment, value));
    }

    /// Returns the first value; none is 0.
    pub(crate) fn first(&self) -> f64 {
        self.points.first().map_or(0.0, |point| point.1)
    }

    /// Returns the last value; none is 0.
    pub(crate) fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.1)
    }

    /// Returns the largest value; none is 0.
    pub(crate) fn most(&self) -> f64 {
        self.points
            .iter()
            .fold(0.0, |most, point| most.max(point.1))
    }

    /// Returns how much the line rises in one unit of time; fewer than two points have no slope.
    pub(crate) fn slope(&self) -> f64 {
        let count = self.points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| self.points.iter().map(of).sum::<f64>() / count;
        let (middle_x, middle_y) = (mean(|point| point.0), mean(|point| point.1));
        let (mut together, mut alone) = (0.0, 0.0);
        for (x, y) in &self.points {
            together += (x - middle_x) * (y - middle_y);
            alone += (x - middle_x).powi(2);
        }
        if alone > 0.0 { together / alone } else { 0.0 }
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
    fn a_line_has_its_slope_whatever_wobbles_around_it() {
        let wobbling = trend((0..100).map(|x| {
            let wobble = if x % 2 == 0 { 5.0 } else { -5.0 };
            (f64::from(x), 7.0 + 3.0 * f64::from(x) + wobble)
        }));
        assert!(
            (wobbling.slope() - 3.0).abs() < 0.01,
            "{}",
            wobbling.slope()
        );
        assert_eq!(
            (wobbling.first(), wobbling.most()),
            (12.0, 7.0 + 3.0 * 98.0 + 5.0)
        );
    }

    #[test]
    fn what_stays_or_was_seen_once_has_no_slope() {
        assert_eq!(trend((0..10).map(|x| (f64::from(x), 42.0))).slope(), 0.0);
        assert_eq!(trend([(1.0, 1.0)]).slope(), 0.0);
        assert_eq!(trend([]).slope(), 0.0);
    }
}
