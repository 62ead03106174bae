//! What leaves the provider for each kind of status that a handler may answer with.

use proptest::prelude::*;

use super::*;
use crate::status::{BUSINESS_CODE, business_error};

fn written(status: &Status, caller: Caller) -> HeaderMap {
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers).unwrap();
    complete(&mut headers, caller);
    headers
}

fn details(headers: &HeaderMap) -> Option<Details> {
    let details = headers.get(Status::GRPC_STATUS_DETAILS)?;
    Some(Details::decode(&BASE64.decode(details).unwrap()[..]).unwrap())
}

fn with_details(code: Code, details: &[u8]) -> Status {
    Status::with_details(code, "no", Bytes::copy_from_slice(details))
}

#[test]
fn a_business_error_is_17_in_header_and_details() {
    let headers = written(&business_error("random error"), Caller::Any);
    assert_eq!(headers[Status::GRPC_STATUS], "17");
    assert_eq!(message(&headers), "random error");
    let details = details(&headers).unwrap();
    assert_eq!(details, Details::new(BUSINESS_CODE, "random error".into()));
}

#[test]
fn java_gets_a_business_error_as_unknown_with_the_message_alone() {
    let headers = written(&business_error("random error"), Caller::Java);
    assert_eq!(headers[Status::GRPC_STATUS], "2");
    assert_eq!(message(&headers), "random error");
    assert_eq!(details(&headers), None);
}

#[test]
fn numbers_beyond_grpcs_own_are_kept() {
    for number in [17, 18, 99, 1_000_000, i32::MAX] {
        let details_of = Details::new(number, "no".into()).encode_to_vec();
        for code in [Code::Unknown, Code::Internal] {
            let headers = written(&with_details(code, &details_of), Caller::Any);
            assert_eq!(headers[Status::GRPC_STATUS], number.to_string());
            assert_eq!(details(&headers).unwrap().code, number);
        }
    }
}

#[test]
fn details_that_name_another_of_grpcs_codes_follow_the_header() {
    for number in [0, 5, 16, -1] {
        let mut bytes = Details::new(number, "details".into()).encode_to_vec();
        // A field that is not known here.
        bytes.extend([0x2a, 1, b'x']);
        for caller in [Caller::Any, Caller::Java] {
            let headers = written(&with_details(Code::Aborted, &bytes), caller);
            assert_eq!(headers[Status::GRPC_STATUS], "10");
            let agreed = details(&headers).unwrap();
            assert_eq!((agreed.code, &*agreed.message), (10, "details"));
            let raw = BASE64
                .decode(&headers[Status::GRPC_STATUS_DETAILS])
                .unwrap();
            assert!(raw.starts_with(&bytes), "the unknown field is kept");
        }
    }
}

#[test]
fn details_of_another_format_are_carried_in_a_status() {
    for bytes in [
        &b"\xff\xff"[..],
        b"plain text",
        b"\x0a\x01x",
        b"\x12\x02\xff\xfe",
    ] {
        let headers = written(&with_details(Code::NotFound, bytes), Caller::Any);
        assert_eq!(headers[Status::GRPC_STATUS], "5");
        let details = details(&headers).unwrap();
        assert_eq!((details.code, &*details.message), (5, "no"));
        assert_eq!(carried(&details), bytes);
    }
}

/// Returns the bytes that a status carries in a `google.protobuf.BytesValue`.
fn carried(details: &Details) -> Vec<u8> {
    #[derive(Clone, PartialEq, Message)]
    struct Carried {
        #[prost(bytes = "vec", tag = "1")]
        value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    let any = Any::decode(&details.details[0].encode_to_vec()[..]).unwrap();
    assert!(any.type_url.ends_with("/google.protobuf.BytesValue"));
    Carried::decode(&any.value[..]).unwrap().value
}

#[test]
fn details_that_are_no_base64_are_left_out() {
    let mut headers = HeaderMap::new();
    Status::internal("no").add_header(&mut headers).unwrap();
    headers.insert(Status::GRPC_STATUS_DETAILS, HeaderValue::from_static("!!"));
    complete(&mut headers, Caller::Any);
    assert_eq!(headers[Status::GRPC_STATUS], "13");
    assert_eq!(details(&headers), None);
}

#[test]
fn successes_and_headers_without_a_status_are_not_touched() {
    for status in [None, Some("0")] {
        let mut headers = HeaderMap::new();
        headers.insert(Status::GRPC_STATUS_DETAILS, HeaderValue::from_static("!!"));
        if let Some(status) = status {
            headers.insert(Status::GRPC_STATUS, HeaderValue::from_static(status));
        }
        let before = headers.clone();
        complete(&mut headers, Caller::Any);
        assert_eq!(headers, before);
    }
}

/// What a gRPC peer with a limit of 8 KiB counts: 32 bytes for each header besides its name and value.
fn size(headers: &HeaderMap) -> usize {
    let size =
        |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 32;
    headers.iter().map(size).sum()
}

#[test]
fn a_long_message_is_cut_at_the_edge_of_a_character() {
    for unit in ["x", " ", "é", "世", "🦀", "a世", "%25", "\n"] {
        let text = unit.repeat(20_000);
        for status in [business_error(&*text), Status::internal(&*text)] {
            let headers = written(&status, Caller::Any);
            assert!(size(&headers) < 8 * 1024, "{unit:?}: {}", size(&headers));
            let message = message(&headers);
            let longest = headers[Status::GRPC_MESSAGE].len();
            assert!(
                longest <= LONGEST_MESSAGE && longest > LONGEST_MESSAGE - 12,
                "{unit:?}: {longest}"
            );
            assert!(text.starts_with(&message), "{unit:?}: {message}");
            if let Some(details) = details(&headers) {
                assert_eq!(details.message, message, "{unit:?}");
            }
        }
    }
}

#[test]
fn details_that_are_too_long_leave_code_and_message() {
    let large = Details::around(5, "details".into(), vec![7; 20_000].into());
    for bytes in [large.encode_to_vec(), vec![0xff; 20_000]] {
        let headers = written(&with_details(Code::NotFound, &bytes), Caller::Any);
        assert_eq!(headers[Status::GRPC_STATUS], "5");
        assert_eq!(details(&headers), Some(Details::new(5, "no".into())));
    }
}

proptest! {
    #[test]
    fn whatever_the_handler_answers_header_and_details_agree(
        code in 1..=16i32,
        message in ".{0,40}",
        bytes in proptest::collection::vec(any::<u8>(), 1..60),
        java in any::<bool>(),
    ) {
        let status = Status::with_details(Code::from(code), message, bytes.into());
        let headers = written(&status, if java { Caller::Java } else { Caller::Any });
        let number: i32 = headers[Status::GRPC_STATUS].to_str().unwrap().parse().unwrap();
        if let Some(details) = details(&headers) {
            prop_assert_eq!(details.code, number);
        }
        prop_assert!(!java || number == code);
    }
}
