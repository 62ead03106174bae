//! Numbers as people read them.

use std::time::Duration;

/// Writes a whole number with a comma between thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes calls per second: one decimal below a thousand, none above.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 999.95 {
        format!("{per_second:.1}")
    } else {
        thousands(per_second.round() as u64)
    }
}

/// Writes a share as percent. It rounds down, so that one failure never reads as 100 %.
pub(super) fn percent(share: f64) -> String {
    // The share is a quotient of two counts, whose rounding error is far below this.
    format!("{:.2} %", (share * 10_000.0 + 1e-6).floor() / 100.0)
}

/// Writes a duration with three significant digits.
pub(super) fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1_000.0;
    let (value, unit) = if millis >= 999.5 {
        (millis / 1_000.0, "s")
    } else if millis >= 0.9995 {
        (millis, "ms")
    } else {
        (millis * 1_000.0, "µs")
    };
    if value >= 99.95 {
        format!("{value:.0} {unit}")
    } else if value >= 9.995 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.2} {unit}")
    }
}

/// Writes a time since the start as minutes and seconds, with hours when there are any.
pub(super) fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// Draws values as a row of bars, scaled to the highest, newest at the right; the oldest that do not fit are left out.
pub(super) fn bars(values: &[f64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &values[values.len().saturating_sub(width)..];
    let highest = shown.iter().copied().fold(0.0, f64::max);
    shown
        .iter()
        .map(|value| {
            if highest <= 0.0 {
                return BARS[0];
            }
            BARS[((value / highest * 7.0).round() as usize).min(7)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 999, 1_000, 12_345, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn one_failure_in_a_million_is_not_100_percent() {
        assert_eq!(percent(999_999.0 / 1_000_000.0), "99.99 %");
        assert_eq!(percent(1.0), "100.00 %");
        assert_eq!(percent(99.0 / 100.0), "99.00 %");
        assert_eq!(percent(0.29), "29.00 %");
    }

    #[test]
    fn durations_keep_three_digits() {
        let texts = [
            850,
            10_240,
            999_400,
            999_600,
            10_030_000,
            123_000_000,
            1_500_000_000,
        ]
        .map(|nanos| duration(Duration::from_nanos(nanos)));
        assert_eq!(
            texts,
            [
                "0.85 µs", "10.2 µs", "999 µs", "1.00 ms", "10.0 ms", "123 ms", "1.50 s"
            ]
        );
    }

    #[test]
    fn bars_are_scaled_to_the_highest_and_keep_the_newest() {
        assert_eq!(bars(&[9.0, 0.0, 50.0, 100.0], 3), "▁▅█");
        assert_eq!(bars(&[0.0, 0.0], 10), "▁▁");
        assert_eq!(bars(&[], 10), "");
    }
}
