//! Statuses with every kind of damage, read by our reader and, repaired, by tonic's.

use proptest::prelude::*;

use super::*;
use crate::status::wire_code;

fn headers(fields: &[(HeaderName, &[u8])]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_bytes(value).unwrap()))
        .collect()
}

/// Reads the status with ours, and with tonic's after the repair; both must agree.
fn read(fields: &[(HeaderName, &[u8])]) -> Status {
    let mut headers = headers(fields);
    let ours = status(&headers).expect("there is a status");
    repair(&mut headers);
    let tonics = Status::from_header_map(&headers).expect("there is still a status");
    assert_eq!(ours.code(), tonics.code(), "{fields:?}");
    assert_eq!(ours.message(), tonics.message(), "{fields:?}");
    assert_eq!(ours.details(), tonics.details(), "{fields:?}");
    ours
}

#[test]
fn details_that_are_no_base64_cost_neither_the_code_nor_the_message() {
    for details in ["!!", "CBE*", "=", "A", "====", "C B E"] {
        let status = read(&[
            (STATUS, b"13"),
            (MESSAGE, b"disk%20full"),
            (DETAILS, details.as_bytes()),
        ]);
        assert_eq!(
            (status.code(), status.message()),
            (Code::Internal, "disk full")
        );
        assert!(status.details().is_empty(), "{details}");
    }
}

#[test]
fn a_message_that_is_no_utf8_keeps_the_code() {
    for message in [&b"caf%C3"[..], b"%FF%FE", b"caf\xe9", b"%zz%"] {
        let status = read(&[(STATUS, b"9"), (MESSAGE, message)]);
        assert_eq!(status.code(), Code::FailedPrecondition, "{message:?}");
    }
}

#[test]
fn codes_beyond_grpcs_own_are_read_from_either_place() {
    let business = BASE64.encode([8, 17, 18, 2, b'o', b'h']);
    let unknown = BASE64.encode([8, 2, 18, 2, b'o', b'h']);
    let cases: [(&[u8], Option<&str>, i32); 7] = [
        (b"17", None, 17),
        (b"17", Some("!!"), 17),
        (b"17", Some(&business), 17),
        (b"17", Some(&unknown), 17),
        (b"2", Some(&business), 17),
        (b"99", None, 99),
        (b"2147483647", None, i32::MAX),
    ];
    for (code, details, expected) in cases {
        let mut fields = vec![(STATUS, code), (MESSAGE, &b"oh"[..])];
        if let Some(details) = details {
            fields.push((DETAILS, details.as_bytes()));
        }
        let status = read(&fields);
        assert_eq!(wire_code(&status), expected, "{fields:?}");
        assert_eq!(status.message(), "oh");
    }
}

#[test]
fn a_code_that_is_no_number_is_unknown() {
    for code in [&b""[..], b"x", b"-1", b"1.5", b"\xff", b"99999999999999"] {
        assert_eq!(read(&[(STATUS, code)]).code(), Code::Unknown, "{code:?}");
    }
    assert!(status(&HeaderMap::new()).is_none());
}

#[test]
fn the_other_headers_are_metadata() {
    let other = HeaderName::from_static("x-reason");
    let status = read(&[(STATUS, b"5"), (other, b"moved")]);
    assert_eq!(status.metadata().get("x-reason").unwrap(), "moved");
    assert!(status.metadata().get("grpc-status").is_none());
}

/// Any value that HTTP/2 can carry, often close to a right one.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(prop_oneof![Just(b'\t'), 0x20u8..0x7f, 0x80u8..=0xff], 0..40),
        "[0-9]{0,12}".prop_map(String::into_bytes),
        "[A-Za-z0-9+/]{0,24}={0,3}".prop_map(String::into_bytes),
        "(%[0-9A-Fa-f]{0,2}){0,8}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_bytes_of_a_peer_make_a_reader_panic(
        code in value(),
        message in proptest::option::of(value()),
        details in proptest::option::of(value()),
    ) {
        let mut fields = vec![(STATUS, code)];
        fields.extend(message.map(|message| (MESSAGE, message)));
        fields.extend(details.map(|details| (DETAILS, details)));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), &value[..])).collect();
        read(&fields);
    }
}
