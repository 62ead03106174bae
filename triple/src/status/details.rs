//! `google.rpc.Status` as far as gRPC's trailers use it.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::HeaderValue;
use prost::Message;

/// Peers write binary headers with padding and without; gRPC writes them without.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The type under which bytes travel that are details of a status, but no `google.rpc.Status` themselves.
const BYTES_TYPE: &str = "type.googleapis.com/google.protobuf.BytesValue";

/// The content of `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Details {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// `google.protobuf.BytesValue`.
#[derive(Clone, PartialEq, Message)]
struct BytesValue {
    #[prost(bytes = "bytes", tag = "1")]
    value: Bytes,
}

impl Details {
    /// Makes details of nothing but a code and a message.
    pub(crate) fn new(code: i32, message: String) -> Self {
        Self {
            code,
            message,
            details: Vec::new(),
        }
    }

    /// Makes details that carry bytes of another format.
    pub(super) fn around(code: i32, message: String, value: Bytes) -> Self {
        let value = BytesValue { value }.encode_to_vec().into();
        Self {
            code,
            message,
            details: vec![Any {
                type_url: BYTES_TYPE.to_owned(),
                value,
            }],
        }
    }
}

/// Writes binary details as a header's value.
pub(super) fn header(details: &[u8]) -> HeaderValue {
    HeaderValue::try_from(BASE64.encode(details)).expect("base64 is a header value")
}
