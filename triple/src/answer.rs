//! Reads what a peer answered, in the one place where no byte of it can make a task panic.
//!
//! tonic's own `Status::from_header_map` panics on a `grpc-status-details-bin` that is not base64, and generated clients
//! call it on every head and trailers. So statuses are read with [`status`], and whatever a generated client sees passes
//! through [`Answer`], which repairs such headers first.

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use prost::encoding::encode_varint;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::status::details_code;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// The largest code that gRPC defines.
const LAST_CODE: i32 = 16;

/// The tag of `google.rpc.Status`'s field `code`. Written again at the end of a message, a field's later value counts.
const CODE_FIELD: u8 = 8;

/// Peers write binary headers with padding and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What gRPC percent-encodes in a message: all but printable ASCII, and the sign itself.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// Returns the status in a head or in trailers; none where there is no `grpc-status`.
///
/// A code that is no number is UNKNOWN, details that cannot be decoded are left out, and a message is read as far as it
/// is UTF-8. A code beyond gRPC's own, such as Dubbo's 17, is UNKNOWN with the number in the details.
pub(crate) fn status(headers: &HeaderMap) -> Option<Status> {
    let code = code(headers)?;
    let message = headers
        .get(MESSAGE)
        .map(|text| percent_decode(text.as_bytes()).decode_utf8_lossy())
        .unwrap_or_default();
    let mut others = headers.clone();
    for read in [STATUS, MESSAGE, DETAILS] {
        others.remove(read);
    }
    Some(Status::with_details_and_metadata(
        Code::from(code),
        message,
        details(headers, code),
        MetadataMap::from_headers(others),
    ))
}

/// Returns whether the trailers say that all is well, which costs no look at the rest of them.
pub(crate) fn is_ok(headers: &HeaderMap) -> bool {
    headers.get(STATUS).is_some_and(|code| code == "0")
}

/// Returns the status of an answer that ended without one, which gRPC calls UNKNOWN: nothing says whether it is whole.
pub(crate) fn missing() -> Status {
    Status::unknown("the provider's answer ended without a grpc-status")
}

/// Returns the status of an answer that is no gRPC, by its content type; none for one that may be.
pub(crate) fn foreign(headers: &HeaderMap) -> Option<Status> {
    let kind = headers.get(http::header::CONTENT_TYPE)?;
    (!kind.as_bytes().starts_with(b"application/grpc")).then(|| {
        let kind = kind.as_bytes().escape_ascii();
        Status::unknown(format!("the provider's answer is {kind}, and no gRPC"))
    })
}

/// Makes the status in these headers one that tonic reads as [`status`] does.
fn repair(headers: &mut HeaderMap) {
    let short = headers.get(STATUS).is_none_or(|code| code.len() == 1);
    if short && !headers.contains_key(MESSAGE) && !headers.contains_key(DETAILS) {
        // Nearly every answer: one digit and nothing else.
        return;
    }
    let Some(code) = code(headers) else {
        return;
    };
    headers.insert(STATUS, code.into());
    if let Some(message) = headers.get(MESSAGE)
        && percent_decode(message.as_bytes()).decode_utf8().is_err()
    {
        let decoded = percent_decode(message.as_bytes()).decode_utf8_lossy();
        let encoded = utf8_percent_encode(&decoded, ENCODED).to_string();
        if let Ok(value) = HeaderValue::try_from(encoded) {
            headers.insert(MESSAGE, value);
        }
    }
    let details = details(headers, code);
    headers.remove(DETAILS);
    if !details.is_empty()
        && let Ok(value) = HeaderValue::try_from(BASE64.encode(details))
    {
        headers.insert(DETAILS, value);
    }
}

/// Returns the number in `grpc-status`, UNKNOWN for what is no number; none where there is no such header.
fn code(headers: &HeaderMap) -> Option<i32> {
    let text = headers.get(STATUS)?.to_str();
    Some(
        text.ok()
            .and_then(|text| text.parse().ok())
            .filter(|code| *code >= 0)
            .unwrap_or(Code::Unknown as i32),
    )
}

/// Returns the details of a status with this code, and sees to it that they carry a code that gRPC does not know.
fn details(headers: &HeaderMap, code: i32) -> Bytes {
    let mut details = headers
        .get(DETAILS)
        .and_then(|text| BASE64.decode(text.as_bytes()).ok())
        .unwrap_or_default();
    if code > LAST_CODE && details_code(&details).is_none_or(|inside| inside <= LAST_CODE) {
        if details_code(&details).is_none() {
            details.clear();
        }
        details.push(CODE_FIELD);
        encode_varint(code.unsigned_abs().into(), &mut details);
    }
    details.into()
}

/// A response's body whose trailers every library can read.
#[derive(Debug)]
pub(crate) struct Answer<B>(B);

impl<B> Answer<B> {
    /// Repairs the head of a response, and its trailers when they come.
    pub(crate) fn new(mut response: Response<B>) -> Response<Self> {
        repair(response.headers_mut());
        response.map(Self)
    }
}

impl<B: HttpBody + Unpin> HttpBody for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut polled = Pin::new(&mut self.0).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            repair(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests;
