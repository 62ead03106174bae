//! The `grpc-timeout` header: at most eight digits and a unit, as gRPC's HTTP/2 mapping defines it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header's name.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

/// The longest time that the header can carry is a hundred million hours; a year is as good.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

const MOST_DIGITS: usize = 8;

/// Returns the time that the caller gives; a header that does not follow the grammar is as good as none.
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(HEADER)?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty()
        || digits.len() > MOST_DIGITS
        || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    let limit = match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        "S" => Duration::from_secs(number),
        "M" => Duration::from_secs(number * 60),
        "H" => Duration::from_secs(number * 3600),
        _ => return None,
    };
    Some(limit.min(LONGEST))
}

/// Returns the header's value: the finest unit in which the time has at most eight digits, rounded down.
pub(crate) fn write(limit: Duration) -> HeaderValue {
    let most = 10_u128.pow(MOST_DIGITS as u32) - 1;
    let units = [
        (limit.as_nanos(), "n"),
        (limit.as_micros(), "u"),
        (limit.as_millis(), "m"),
        (u128::from(limit.as_secs()), "S"),
        (u128::from(limit.as_secs() / 60), "M"),
    ];
    let (number, unit) = units
        .into_iter()
        .find(|(number, _)| *number <= most)
        .unwrap_or((u128::from(limit.as_secs() / 3600).min(most), "H"));
    HeaderValue::try_from(format!("{number}{unit}"))
        .expect("digits and a letter are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, value.parse().unwrap());
        read(&headers)
    }

    #[test]
    fn every_unit_is_read() {
        let second = Duration::from_secs(1);
        for (value, limit) in [
            ("1000000n", second / 1000),
            ("2999000u", second * 2999 / 1000),
            ("50m", second / 20),
            ("3S", second * 3),
            ("2M", second * 120),
            ("1H", second * 3600),
        ] {
            assert_eq!(parse(value), Some(limit), "{value}");
        }
    }

    #[test]
    fn what_breaks_the_grammar_counts_as_absent() {
        for value in ["", "S", "3", "3s", "+3S", "-1S", "123456789n", "3 S"] {
            assert_eq!(parse(value), None, "{value:?}");
        }
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        assert_eq!(parse("99999999H"), Some(LONGEST));
    }

    #[test]
    fn what_is_written_is_read_back_within_one_unit() {
        for limit in [
            Duration::from_nanos(1),
            Duration::from_millis(50),
            Duration::from_secs(3),
            Duration::from_secs(7200),
            LONGEST,
        ] {
            let value = write(limit);
            let read = parse(value.to_str().unwrap()).unwrap();
            assert!(
                read <= limit && limit - read <= limit / 1000,
                "{limit:?} as {value:?}"
            );
        }
    }
}
