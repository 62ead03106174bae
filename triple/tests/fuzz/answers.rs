//! Heads, messages and statuses as frames that HTTP/2 allows, whatever is in them.

use fastrand::Rng;

use super::frames::{END_HEADERS, MESSAGE, WRONG, field, frame, random};

/// The head of an answer, right in most cases.
pub(crate) fn head(rng: &mut Rng) -> Vec<u8> {
    let status = match rng.u8(..8) {
        0 => ["100", "204", "404", "503", "999", "0", "20"][rng.usize(..7)],
        _ => "200",
    };
    let kind = match rng.u8(..8) {
        0 => [
            "text/html",
            "application/grpc+json",
            "application/grpcx",
            "",
        ][rng.usize(..4)],
        _ => "application/grpc",
    };
    let mut head = [
        field(":status", status.as_bytes()),
        field("content-type", kind.as_bytes()),
    ]
    .concat();
    if rng.u8(..4) == 0 {
        let encoding = ["gzip", "deflate", "zstd", "identity", "br", "", "gzip,gzip"];
        head.extend(field(
            "grpc-encoding",
            encoding[rng.usize(..encoding.len())].as_bytes(),
        ));
    }
    for _ in 0..rng.usize(..3) {
        let name = ["x-any-bin", "date", "grpc-message", "content-length", "x-a"];
        let value = text(rng);
        head.extend(field(name[rng.usize(..name.len())], &value));
    }
    head
}

/// The fields of a status, any of which may be missing, wrong, twice or long.
pub(crate) fn status(rng: &mut Rng) -> Vec<u8> {
    let mut fields = Vec::new();
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
        for _ in 0..[0, 1, 1, 1, 1, 2][rng.usize(..6)] {
            let value = match rng.u8(..6) {
                0 => WRONG[rng.usize(..WRONG.len())].as_bytes().to_vec(),
                1 => text(rng),
                _ if name == "grpc-status" => rng.u8(..20).to_string().into_bytes(),
                _ if name == "grpc-message" => b"disk%20full%C3%A9%".repeat(rng.usize(..99)),
                _ => base64(rng),
            };
            fields.extend(field(name, &value));
        }
    }
    fields
}

/// A value that HTTP/2 allows in a field.
fn text(rng: &mut Rng) -> Vec<u8> {
    let long = if rng.u8(..16) == 0 { 20_000 } else { 80 };
    let sizes = rng.usize(..long);
    let mut text: Vec<u8> = (0..sizes).map(|_| rng.u8(0x20..)).collect();
    text.retain(|byte| *byte != 0x7f);
    text
}

/// Characters of base64, in numbers that may be wrong for it.
fn base64(rng: &mut Rng) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = if rng.bool() {
        // A code that is any, and a short message.
        b"CA0SCWRpc2sgZnVsbA".to_vec()
    } else {
        Vec::new()
    };
    let more = rng.usize(..40);
    text.extend((0..more).map(|_| DIGITS[rng.usize(..64)]));
    text.extend(&b"==="[..[0, 0, 0, 1, 2, 3][rng.usize(..6)]]);
    text
}

/// A message of gRPC: its flag, its length and its bytes, most of them right.
pub(crate) fn message(rng: &mut Rng) -> Vec<u8> {
    let payload = match rng.u8(..6) {
        0 => random(rng, 200),
        1 => random(rng, 70_000),
        // A health of any number.
        2 => vec![8, rng.u8(..8)],
        3 => Vec::new(),
        _ => MESSAGE[5..].to_vec(),
    };
    let flag = [0, 0, 0, 0, 0, 1, 2, 255][rng.usize(..8)];
    let length = match rng.u8(..8) {
        0 => rng.u32(..),
        1 => payload.len() as u32 + rng.u32(1..9),
        _ => payload.len() as u32,
    };
    [&[flag], &length.to_be_bytes()[..], &payload].concat()
}

/// Adds a block of fields as one frame, or with CONTINUATION frames as the size asks for.
pub(crate) fn headers(rng: &mut Rng, bytes: &mut Vec<u8>, flags: u8, stream: u32, block: &[u8]) {
    let most = if rng.u8(..6) == 0 {
        rng.usize(1..100)
    } else {
        16_384
    };
    let mut pieces = block.chunks(most).peekable();
    let mut kind = 1;
    // An empty block is a frame, too.
    if block.is_empty() {
        return frame(bytes, kind, flags, stream, &[]);
    }
    while let Some(piece) = pieces.next() {
        let mut flags = if kind == 1 { flags & !END_HEADERS } else { 0 };
        if pieces.peek().is_none() {
            flags |= END_HEADERS;
        }
        frame(bytes, kind, flags, stream, piece);
        kind = 9;
    }
}
