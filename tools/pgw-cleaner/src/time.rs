//! Durations as people write and read them.

use std::time::Duration;

/// Reads a duration: `10m`, `1h 30m`, or a bare number of seconds, as the original took.
///
/// # Errors
/// When it is neither, or zero.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let duration = match text.parse::<u32>() {
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => humantime::parse_duration(text)
            .map_err(|error| format!("{error}: write 90s, 10m, 1h 30m, or a number of seconds"))?,
    };
    if duration.is_zero() {
        Err("it has to be longer than zero".into())
    } else {
        Ok(duration)
    }
}

/// Shows a duration in its two largest units, such as `2h 3m`; below a minute in tenths of a second.
pub(crate) fn short(duration: Duration) -> String {
    if duration < Duration::from_secs(60) {
        return format!("{:.1}s", duration.as_secs_f64());
    }
    let whole = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_bare_seconds_are_read() {
        for (text, seconds) in [
            ("10m", 600),
            ("90", 90),
            ("1h 30m", 5400),
            (" 5s ", 5),
            ("2days", 172_800),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "0",
            "0s",
            "-5",
            "ten",
            "1.5",
            "99999999999999999999",
            "5 parsecs",
            "NaN",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_two_largest_units_are_shown() {
        for (seconds, text) in [
            (0.0, "0.0s"),
            (3.25, "3.2s"),
            (60.9, "1m"),
            (7384.0, "2h 3m"),
            (90_061.0, "1day 1h"),
        ] {
            assert_eq!(short(Duration::from_secs_f64(seconds)), text);
        }
    }
}
