//! Medians, spreads and quantiles of a few figures.

/// Returns the middle figure, or the mean of the two in the middle; NaN of none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let sorted = sorted(figures);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => (sorted[count / 2 - 1] + sorted[count / 2]) / 2.0,
    }
}

/// Returns half the distance between the lowest and the highest figure, as a share of the median; 0 of less than two.
pub(crate) fn spread(figures: &[f64]) -> f64 {
    let sorted = sorted(figures);
    match sorted.as_slice() {
        [lowest, .., highest] if median(figures) != 0.0 => {
            (highest - lowest) / 2.0 / median(figures).abs()
        }
        _ => 0.0,
    }
}

/// Returns the figure that this share of all (0 to 1) does not exceed; NaN of none. The figures are in ascending order.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(rank.saturating_sub(1).min(last))
        .copied()
        .unwrap_or(f64::NAN)
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 100.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0, 100.0, 2.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_spread_is_relative_to_the_median() {
        assert!((spread(&[90.0, 100.0, 120.0]) - 0.15).abs() < 1e-12);
        assert_eq!(spread(&[5.0]), 0.0);
        assert_eq!(spread(&[0.0, 0.0, 0.0]), 0.0);
    }

    #[test]
    fn a_quantile_is_one_of_the_figures() {
        let figures: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&figures, 0.5), 50.0);
        assert_eq!(quantile(&figures, 0.99), 99.0);
        assert_eq!(quantile(&figures, 1.0), 100.0);
        assert_eq!(quantile(&figures, 0.0), 1.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
