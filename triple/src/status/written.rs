//! Statuses as they leave the provider: in each response, header and details say the same, and no text is longer than any peer takes.
//!
//! tonic's [`Status`] ends at code 16, and its details are whatever the handler put there. So the handler's status is completed here, in
//! the headers or trailers that tonic wrote. A response that succeeds is not touched.

use base64::Engine;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode;
use prost::Message;
use tonic::{Code, Status};

use super::details::{self, BASE64, Details};
use crate::header;

/// The longest message on the wire, in bytes, percent-encoded as the header carries it.
///
/// Message and details together stay below 8 KiB, which every gRPC implementation takes by default. Longer texts belong into the
/// provider's log.
pub(crate) const LONGEST_MESSAGE: usize = 3 * 1024;

/// The longest details, in bytes before base64; of longer ones the code and the message are left.
pub(crate) const LONGEST_DETAILS: usize = 8 * 1024;

/// The largest code that gRPC knows.
const LARGEST: i32 = 16;

/// Whom a status is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A gRPC client, or a Dubbo consumer that knows code 17.
    Any,
    /// Dubbo's Java consumer, which fails on codes beyond gRPC's own.
    Java,
}

/// Makes the status in headers or trailers consistent. Costs one look at the headers when there is none, or a success.
#[inline]
pub(crate) fn complete(headers: &mut HeaderMap, caller: Caller) {
    let failed =
        header::find(headers, &Status::GRPC_STATUS).is_some_and(|status| status.as_bytes() != b"0");
    if failed {
        complete_failure(headers, caller);
    }
}

fn complete_failure(headers: &mut HeaderMap, caller: Caller) {
    let text = headers.get(Status::GRPC_MESSAGE);
    if text.is_some_and(|text| text.len() > LONGEST_MESSAGE) {
        let text = headers[Status::GRPC_MESSAGE].as_bytes();
        let cut = Bytes::copy_from_slice(cut_encoded(text));
        // A part of a header's value is one, too.
        if let Ok(cut) = HeaderValue::from_maybe_shared(cut) {
            headers.insert(Status::GRPC_MESSAGE, cut);
        }
    }
    let Some(details) = headers.remove(Status::GRPC_STATUS_DETAILS) else {
        return;
    };
    let Ok(details) = BASE64.decode(details.as_bytes()) else {
        // Peers take these for a broken response, whatever the code is.
        return;
    };
    let code = code(headers);
    let (code, details) = agreed(code, message(headers), details, caller);
    headers.insert(Status::GRPC_STATUS, HeaderValue::from(code));
    if let Some(details) = details {
        headers.insert(Status::GRPC_STATUS_DETAILS, details::header(&details));
    }
}

fn code(headers: &HeaderMap) -> i32 {
    let code = headers.get(Status::GRPC_STATUS).map(HeaderValue::as_bytes);
    let code = code.and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    code.unwrap_or(Code::Unknown as i32)
}

fn message(headers: &HeaderMap) -> String {
    let text = headers.get(Status::GRPC_MESSAGE);
    let text = text.map_or(&b""[..], HeaderValue::as_bytes);
    percent_decode(text).decode_utf8_lossy().into_owned()
}

/// Returns the code and the details that go out together.
fn agreed(code: i32, message: String, bytes: Vec<u8>, caller: Caller) -> (i32, Option<Vec<u8>>) {
    let Ok(mut details) = Details::decode(&bytes[..]) else {
        let details = Details::around(code, message.clone(), bytes.into());
        return (code, Some(bounded(details, message)));
    };
    let beyond = details.code > LARGEST;
    if beyond && caller == Caller::Java && details.details.is_empty() {
        return (code, None);
    }
    let agreed = if beyond && caller == Caller::Any {
        details.code
    } else {
        code
    };
    let length = cut(&details.message).len();
    if length < details.message.len() || bytes.len() > LONGEST_DETAILS {
        details.message.truncate(length);
        details.code = agreed;
        return (agreed, Some(bounded(details, message)));
    }
    let mut bytes = bytes;
    if details.code != agreed {
        // Of a field that comes twice the last one counts, so that fields unknown here are kept.
        prost::encoding::int32::encode(1, &agreed, &mut bytes);
    }
    (agreed, Some(bytes))
}

/// Encodes details, without what makes them too long.
fn bounded(mut details: Details, message: String) -> Vec<u8> {
    if details.encoded_len() > LONGEST_DETAILS {
        tracing::debug!(
            code = details.code,
            bytes = details.encoded_len(),
            limit = LONGEST_DETAILS,
            "the details of a status are too long to be sent"
        );
        details = Details::new(details.code, message);
    }
    details.encode_to_vec()
}

/// Returns the longest beginning of a text that is within [`LONGEST_MESSAGE`] when it is percent-encoded.
pub(super) fn cut(text: &str) -> &str {
    let mut length = 0;
    for (at, character) in text.char_indices() {
        length += encoded_len(character);
        if length > LONGEST_MESSAGE {
            return &text[..at];
        }
    }
    text
}

/// Returns how long a character is as tonic writes it.
fn encoded_len(character: char) -> usize {
    match character {
        ' ' | '"' | '#' | '%' | '<' | '>' | '`' | '?' | '{' | '}' => 3,
        ' '..='~' => 1,
        other => 3 * other.len_utf8(),
    }
}

/// Returns the longest beginning of a percent-encoded text within [`LONGEST_MESSAGE`] that ends at a character's edge.
fn cut_encoded(text: &[u8]) -> &[u8] {
    let (mut at, mut edge) = (0, 0);
    while at < text.len() {
        let byte = match text[at..] {
            [b'%', high, low, ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let byte = digit(high).zip(digit(low)).map(|(h, l)| h * 16 + l);
                byte.map(|byte| (byte as u8, 3))
            }
            _ => None,
        };
        let (byte, length) = byte.unwrap_or((text[at], 1));
        if !matches!(byte, 0x80..=0xbf) {
            edge = at;
        }
        at += length;
        if at > LONGEST_MESSAGE {
            return &text[..edge];
        }
    }
    text
}

#[cfg(test)]
mod tests;
