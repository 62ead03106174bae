//! The `grpc-timeout` header: at most eight digits and a unit, as gRPC's HTTP/2 mapping defines it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header's name.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

/// The longest time that the header can carry is a hundred million hours; a year is as good.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

const MOST_DIGITS: usize = 8;

/// Returns the time that the caller gives, at most [`LONGEST`]; a header that does not follow the grammar is as good as none.
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    metrics_core::grpc_timeout(headers).map(|limit| limit.min(LONGEST))
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

/// Returns the value of Dubbo's header `timeout`.
pub(crate) fn write_attempt(limit: Duration) -> HeaderValue {
    HeaderValue::try_from(format!("{}ms", limit.as_millis()))
        .expect("digits and letters are a header value")
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
