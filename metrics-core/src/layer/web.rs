//! The status of a gRPC-Web answer: its trailers are the last message of its body, plain or in base64.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::outcome::Outcome;

use super::status;

/// The flag of the message that carries the trailers.
const TRAILERS: u8 = 0x80;

/// The longest trailers that are read; no status needs longer ones.
const LONGEST: usize = 64 * 1024;

/// Follows the body of a gRPC-Web answer up to its trailers.
#[derive(Debug)]
pub(super) struct Web {
    text: bool,
    /// Characters of base64 that do not make a group of four yet.
    group: Vec<u8>,
    /// The beginning of a message, or the whole trailers.
    begun: Vec<u8>,
    /// Bytes of a message that are not looked at.
    skipped: usize,
    /// The body is not what it says it is.
    broken: bool,
}

impl Web {
    /// Follows an answer with this content type; none when it is not gRPC-Web.
    pub(super) fn of(content_type: &[u8]) -> Option<Self> {
        let kind = content_type.strip_prefix(b"application/grpc-web")?;
        Some(Self {
            text: kind.starts_with(b"-text"),
            group: Vec::new(),
            begun: Vec::new(),
            skipped: 0,
            broken: false,
        })
    }

    /// Follows the next bytes, and returns the messages that began in them, and the outcome when the trailers are there.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> (u64, Option<Outcome>) {
        if !self.text {
            return self.advance_binary(bytes);
        }
        self.group.extend_from_slice(bytes);
        let whole = self.group.len() / 4 * 4;
        let text: Vec<u8> = self.group.drain(..whole).collect();
        let mut plain = Vec::with_capacity(whole / 4 * 3);
        for four in text.chunks(4) {
            // Each frame may be padded by itself.
            self.broken |= STANDARD.decode_vec(four, &mut plain).is_err();
        }
        self.advance_binary(&plain)
    }

    fn advance_binary(&mut self, mut bytes: &[u8]) -> (u64, Option<Outcome>) {
        let mut messages = 0;
        while !bytes.is_empty() && !self.broken {
            if self.skipped > 0 {
                let skipped = bytes.len().min(self.skipped);
                self.skipped -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let wanted = match self.begun[..] {
                [_, a, b, c, d, ..] => 5 + u32::from_be_bytes([a, b, c, d]) as usize,
                _ => 5,
            };
            let taken = bytes.len().min(wanted - self.begun.len());
            self.begun.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.begun.len() < 5 {
                continue;
            }
            let [flag, a, b, c, d] = [0, 1, 2, 3, 4].map(|at: usize| self.begun[at]);
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            if flag & TRAILERS == 0 {
                messages += 1;
                self.skipped = length;
                self.begun.clear();
            } else if length > LONGEST {
                self.broken = true;
            } else if self.begun.len() == 5 + length {
                let outcome = status::of_headers(&parse(&self.begun[5..]));
                return (messages, Some(outcome.unwrap_or(Outcome::UNKNOWN)));
            }
        }
        (messages, None)
    }
}

/// Reads the lines of trailers; what is none is left out.
fn parse(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        let name = HeaderName::from_bytes(name.trim_ascii());
        let value = HeaderValue::from_bytes(value.trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(flag: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap();
        [&[flag][..], &length.to_be_bytes(), content].concat()
    }

    fn read(content_type: &str, body: &[u8], cut: usize) -> (u64, Option<Outcome>) {
        let mut web = Web::of(content_type.as_bytes()).unwrap();
        let mut messages = 0;
        for piece in body.chunks(cut) {
            let (more, outcome) = web.advance(piece);
            messages += more;
            if outcome.is_some() {
                return (messages, outcome);
            }
        }
        (messages, None)
    }

    #[test]
    fn the_status_is_read_wherever_it_is_cut_and_however_it_is_written() {
        for (trailers, outcome) in [
            (&b"grpc-status: 0\r\n"[..], Outcome::SUCCESS),
            (
                b"grpc-status:14\r\ngrpc-message:later\r\n",
                Outcome::UNAVAILABLE,
            ),
            (
                b"GRPC-Status: 2\r\ngrpc-status-details-bin: CBE\r\n",
                Outcome::BUSINESS,
            ),
            (b"grpc-message: none\r\n", Outcome::UNKNOWN),
            (b"", Outcome::UNKNOWN),
        ] {
            let frames = [message(0, b"one"), message(0, b""), message(0x80, trailers)];
            let binary = frames.concat();
            let text: String = frames.iter().map(|frame| STANDARD.encode(frame)).collect();
            for cut in [1, 3, 4, 7, 1000] {
                let kinds = ["application/grpc-web+proto", "application/grpc-web"];
                for kind in kinds {
                    assert_eq!(read(kind, &binary, cut), (2, Some(outcome)), "{cut}");
                }
                let kind = "application/grpc-web-text+proto";
                assert_eq!(
                    read(kind, text.as_bytes(), cut),
                    (2, Some(outcome)),
                    "{cut}"
                );
            }
        }
    }

    #[test]
    fn other_answers_are_not_followed() {
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "application/json",
            "",
        ] {
            assert!(Web::of(kind.as_bytes()).is_none(), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn no_body_can_break_the_reader(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            cut in 1usize..20,
            text in any::<bool>(),
        ) {
            let kind = if text { "application/grpc-web-text" } else { "application/grpc-web" };
            read(kind, &body, cut);
        }
    }
}
