//! How long a caller waits, as the headers of its request say.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::status;

/// How long the caller waits for the whole call, as gRPC writes it.
pub(super) const TIMEOUT: &str = "grpc-timeout";

/// How long a Dubbo consumer waits for the head of a response, as Go writes durations. No deadline: a stream may go on for longer.
pub(super) const ATTEMPT_TIMEOUT: &str = "timeout";

/// Reads the header `grpc-timeout`: up to eight digits and a unit; none when it is absent or malformed.
///
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>
pub fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    of_grpc(status::find(headers, TIMEOUT)?)
}

/// Reads a value of `grpc-timeout`.
pub(super) fn of_grpc(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Reads how long the consumer waits for the head: whole seconds or milliseconds; none when it is written otherwise.
pub(super) fn of_attempt(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (number, unit): (_, fn(u64) -> Duration) = match text.strip_suffix("ms") {
        Some(number) => (number, Duration::from_millis),
        None => (text.strip_suffix('s')?, Duration::from_secs),
    };
    number.parse().ok().map(unit)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        let cases = [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("2999000u", Some(Duration::from_millis(2999))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("0m", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("3", None),
            ("3s", None),
            ("-3S", None),
            ("123456789S", None),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static(TIMEOUT),
                HeaderValue::from_static(text),
            )]);
            assert_eq!(grpc_timeout(&headers), expected, "{text:?}");
        }
        assert_eq!(grpc_timeout(&HeaderMap::new()), None);
    }
}
