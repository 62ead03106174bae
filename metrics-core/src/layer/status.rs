//! The outcome of a call from what stands in its response.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::outcome::Outcome;

const STATUS: &str = "grpc-status";
const DETAILS: &str = "grpc-status-details-bin";
/// gRPC's largest code.
const LARGEST: i64 = 16;
const CONTENT_TYPE: &str = "content-type";

/// Peers write binary headers with padding and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the head of a response says about its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The outcome, whatever the trailers say.
    Told(Outcome),
    /// The outcome, unless the trailers say another.
    Likely(Outcome),
}

impl Head {
    /// Returns the outcome of a response that ends without trailers.
    pub(super) fn at_the_end(self) -> Outcome {
        match self {
            Self::Told(outcome) | Self::Likely(outcome) => outcome,
        }
    }

    /// Returns the outcome of a response whose body says this one.
    pub(super) fn with_outcome(self, other: Outcome) -> Outcome {
        match self {
            Self::Told(outcome) => outcome,
            Self::Likely(_) => other,
        }
    }

    /// Returns the outcome of a response that ends with these trailers.
    pub(super) fn with_trailers(self, trailers: &HeaderMap) -> Outcome {
        match self {
            Self::Told(outcome) => outcome,
            Self::Likely(outcome) => of_headers(trailers).unwrap_or(outcome),
        }
    }
}

/// Reads the head of a response.
pub(super) fn of_head<B>(response: &Response<B>) -> Head {
    if let Some(outcome) = response.extensions().get::<Outcome>() {
        return Head::Told(*outcome);
    }
    if let Some(outcome) = of_headers(response.headers()) {
        return Head::Likely(outcome);
    }
    let grpc = find(response.headers(), CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    Head::Likely(match response.status() {
        // gRPC's rule: a response without a status is a failure, even if all messages have come.
        StatusCode::OK if grpc => Outcome::UNKNOWN,
        status => Outcome::from_http_status(status),
    })
}

/// Returns the first value of a header. Calls carry a handful of headers: looking at each costs less than the hash of a name.
#[inline]
pub(super) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    headers
        .iter()
        .find(|(header, _)| header.as_str() == name)
        .map(|(_, value)| value)
}

/// Reads headers or trailers; none when they carry no `grpc-status`.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<Outcome> {
    let status = find(headers, STATUS)?.as_bytes();
    if status == b"0" {
        return Some(Outcome::SUCCESS);
    }
    let details = find(headers, DETAILS).and_then(|value| code_of_details(value.as_bytes()));
    let code = details.or_else(|| std::str::from_utf8(status).ok()?.parse().ok());
    Some(code.map_or(Outcome::UNKNOWN, Outcome::from_code))
}

/// Reads the code of a `google.rpc.Status`, its field 1: <https://protobuf.dev/programming-guides/encoding/>.
///
/// None for what is malformed, and for codes that the header itself can carry in any implementation: there the header is right.
fn code_of_details(base64: &[u8]) -> Option<i64> {
    let bytes = BASE64.decode(base64).ok()?;
    let mut rest = &bytes[..];
    let mut code = None;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match (tag >> 3, tag & 7) {
            (1, 0) => code = Some(varint(&mut rest)? as i64),
            (_, 0) => {
                varint(&mut rest)?;
            }
            (_, 1) => rest = rest.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            (_, 5) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    code.filter(|code| *code > LARGEST)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn headers(status: &'static str, details: Option<&[u8]>) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(
            HeaderName::from_static(STATUS),
            HeaderValue::from_static(status),
        )]);
        if let Some(details) = details {
            headers.insert(
                DETAILS,
                HeaderValue::from_str(&BASE64.encode(details)).unwrap(),
            );
        }
        headers
    }

    #[test]
    fn the_details_of_a_dubbo_business_error_win_over_the_status() {
        let business = [8, 17, 18, 4, b'o', b'o', b'p', b's'];
        assert_eq!(
            of_headers(&headers("2", Some(&business))),
            Some(Outcome::BUSINESS)
        );
    }

    #[test]
    fn details_with_a_code_that_grpc_knows_leave_the_status() {
        for code in [1, 5, 16] {
            assert_eq!(
                of_headers(&headers("14", Some(&[8, code]))),
                Some(Outcome::UNAVAILABLE),
                "{code}"
            );
        }
    }

    #[test]
    fn fields_in_another_order_and_unknown_fields_are_skipped() {
        let status = [
            18, 2, b'n', b'o', 26, 1, 0, 0x39, 1, 2, 3, 4, 5, 6, 7, 8, 0x45, 1, 2, 3, 4, 8, 17,
        ];
        assert_eq!(
            of_headers(&headers("2", Some(&status))),
            Some(Outcome::BUSINESS)
        );
    }

    #[test]
    fn malformed_details_leave_the_status() {
        for details in [&[8][..], &[8, 0x80], &[18, 9, 1], &[0xff; 11], &[], &[8, 0]] {
            assert_eq!(
                of_headers(&headers("14", Some(details))),
                Some(Outcome::UNAVAILABLE),
                "{details:?}"
            );
        }
        let mut headers = headers("14", None);
        headers.insert(DETAILS, HeaderValue::from_static("no base64!"));
        assert_eq!(of_headers(&headers), Some(Outcome::UNAVAILABLE));
    }

    #[test]
    fn padding_is_optional() {
        let mut headers = headers("2", None);
        for text in ["CBESAm5v", "CBESA25vIQ==", "CBESA25vIQ"] {
            headers.insert(DETAILS, HeaderValue::from_static(text));
            assert_eq!(of_headers(&headers), Some(Outcome::BUSINESS), "{text}");
        }
    }

    #[test]
    fn a_status_that_is_no_number_is_unknown() {
        for status in ["", "x", "1.5", "999999999999999999999"] {
            assert_eq!(
                of_headers(&headers(status, None)),
                Some(Outcome::UNKNOWN),
                "{status:?}"
            );
        }
        assert_eq!(of_headers(&HeaderMap::new()), None);
    }

    #[test]
    fn a_told_outcome_wins_over_headers_and_trailers() {
        let mut response = Response::new(());
        response
            .headers_mut()
            .insert(STATUS, HeaderValue::from_static("14"));
        response.extensions_mut().insert(Outcome::BUSINESS);
        let head = of_head(&response);
        assert_eq!(head.at_the_end(), Outcome::BUSINESS);
        assert_eq!(head.with_trailers(&headers("0", None)), Outcome::BUSINESS);
    }

    #[test]
    fn a_grpc_response_without_a_status_is_unknown_and_another_goes_by_its_http_status() {
        let mut response = Response::new(());
        assert_eq!(of_head(&response).at_the_end(), Outcome::SUCCESS);
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/grpc+proto"),
        );
        assert_eq!(of_head(&response).at_the_end(), Outcome::UNKNOWN);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(of_head(&response).at_the_end(), Outcome::UNAVAILABLE);
    }

    proptest! {
        #[test]
        fn no_details_can_break_the_reader(details in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = of_headers(&headers("2", Some(&details)));
        }
    }
}
