//! Linear regression: a straight line through measured points.

/// The line of least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression {
    /// How much it rises in one unit.
    pub slope: f64,
    /// Its value at 0.
    pub intercept: f64,
}

// === impl Regression ===

impl Regression {
    /// Lays a line through points; none through fewer than two that lie beside each other.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (middle_x, middle_y) = (mean(|point| point.0), mean(|point| point.1));
        let (mut together, mut alone) = (0.0, 0.0);
        for (x, y) in points {
            together += (x - middle_x) * (y - middle_y);
            alone += (x - middle_x).powi(2);
        }
        let slope = together / alone;
        (alone > 0.0).then_some(Self {
            slope,
            intercept: middle_y - slope * middle_x,
        })
    }

    /// Returns its value at `x`.
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_give_it_back() {
        let line = Regression::of(&[(1.0, 12.0), (10.0, 30.0), (1000.0, 2010.0)]).unwrap();
        assert!((line.slope - 2.0).abs() < 1e-9, "{line:?}");
        assert!((line.intercept - 10.0).abs() < 1e-6, "{line:?}");
        assert!((line.at(5.0) - 20.0).abs() < 1e-6, "{line:?}");
    }

    #[test]
    fn what_wobbles_evenly_around_a_line_gives_it_back() {
        let points: Vec<_> = (0..100)
            .map(|x| {
                let wobble = if x % 2 == 0 { 5.0 } else { -5.0 };
                (f64::from(x), 7.0 + 3.0 * f64::from(x) + wobble)
            })
            .collect();
        let line = Regression::of(&points).unwrap();
        assert!((line.slope - 3.0).abs() < 0.01, "{line:?}");
    }

    #[test]
    fn one_place_has_no_line() {
        assert_eq!(Regression::of(&[]), None);
        assert_eq!(Regression::of(&[(1.0, 2.0)]), None);
        assert_eq!(Regression::of(&[(1.0, 2.0), (1.0, 3.0)]), None);
    }
}
