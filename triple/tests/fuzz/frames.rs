//! Bytes of peers that break the rules of HTTP/2, of gRPC, or of both: frames that are well formed as far as they go, and then damaged.

use fastrand::Rng;

pub(crate) use crate::support::http2::{
    ACK, END_HEADERS, END_STREAM, Frame, PREFACE, field, frame, take,
};

/// Fields of requests and answers, with values that are right.
const FIELDS: [(&str, &str); 25] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/greet.GreetService/Greet"),
    (":path", "/grpc.health.v1.Health/Watch"),
    (":authority", "127.0.0.1"),
    (":status", "200"),
    ("content-type", "application/grpc"),
    ("content-type", "application/grpc-web-text+proto"),
    ("content-type", "application/json"),
    ("content-length", "12"),
    ("te", "trailers"),
    ("grpc-status", "0"),
    ("grpc-status", "13"),
    ("grpc-message", "disk%20full%C3%A9"),
    ("grpc-status-details-bin", "CA0SCWRpc2sgZnVsbA"),
    ("grpc-timeout", "50m"),
    ("grpc-encoding", "gzip"),
    ("grpc-accept-encoding", "identity,gzip,zstd"),
    ("tri-service-group", "blue"),
    ("tri-service-version", "1.0.0"),
    ("tri-consumer-appname", "shop"),
    (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    ("expect", "100-continue"),
    ("x-anything", "value"),
    ("grpc-status", "12"),
];

/// The fields that a call and an answer begin with.
const CALL: [usize; 6] = [0, 1, 2, 4, 6, 10];
pub(crate) const ANSWER: [usize; 2] = [5, 6];

/// Values that are wrong nearly everywhere.
pub(crate) const WRONG: [&str; 12] = [
    "",
    "!!",
    "-1",
    "17",
    "99999999999999999999",
    "%",
    "%ff%00",
    "CA0=CA0=",
    "1.5",
    "\u{fffd}",
    "99999999H",
    "0n",
];

/// A gRPC message with the greeting's request, which is read as its answer, too.
pub(crate) const MESSAGE: &[u8] = b"\x00\x00\x00\x00\x07\x0a\x05Dubbo";

/// Returns what a hostile client sends on one connection.
pub(crate) fn client(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = match rng.u8(..8) {
        0 => random(rng, 4096),
        1 | 2 => http1(rng),
        _ => {
            let mut bytes = PREFACE.to_vec();
            frame(&mut bytes, 4, 0, 0, &[]);
            for stream in 0..rng.u32(1..12) {
                exchange(rng, &mut bytes, 2 * stream + 1, &CALL);
            }
            bytes
        }
    };
    damage(rng, &mut bytes);
    bytes
}

/// Returns what a hostile provider sends on one connection, each piece after the consumer has sent something: settings with the answer to
/// the question for its health, which is the first stream, and then the answer to each call.
pub(crate) fn provider(rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut first = Vec::new();
    frame(&mut first, 4, 0, 0, &[]);
    // No such service: the provider is called all the same.
    frame(&mut first, 1, 0x5, 1, &unimplemented());
    // Most connections get as far as a call.
    if rng.u8(..8) == 0 {
        damage(rng, &mut first);
    }
    let mut pieces = vec![first];
    for stream in 1..rng.u32(2..6) {
        let mut answer = Vec::new();
        exchange(rng, &mut answer, 2 * stream + 1, &ANSWER);
        damage(rng, &mut answer);
        pieces.push(answer);
    }
    pieces
}

/// Returns what a client sends that gives up so many calls as soon as it has made them, and then makes one more, and that one's stream.
pub(crate) fn given_up(calls: u32) -> (Vec<u8>, u32) {
    let mut bytes = PREFACE.to_vec();
    frame(&mut bytes, 4, 0, 0, &[]);
    let head = CALL.map(right).concat();
    for call in 0..calls {
        frame(&mut bytes, 1, 4, 2 * call + 1, &head);
        const CANCEL: [u8; 4] = [0, 0, 0, 8];
        frame(&mut bytes, 3, 0, 2 * call + 1, &CANCEL);
    }
    let last = 2 * calls + 1;
    frame(&mut bytes, 1, 4, last, &head);
    frame(&mut bytes, 0, 1, last, MESSAGE);
    (bytes, last)
}

/// Returns the kind and the stream of each whole frame.
pub(crate) fn read(mut bytes: &[u8]) -> Vec<(u8, u32)> {
    let mut frames = Vec::new();
    while let [a, b, c, kind, _flags, d, e, f, g, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some(rest) = rest.get(length..) else {
            break;
        };
        frames.push((*kind, u32::from_be_bytes([*d, *e, *f, *g])));
        bytes = rest;
    }
    frames
}

/// The head of an answer that ends with it: no such service.
pub(crate) fn unimplemented() -> Vec<u8> {
    [5, 6, 24].map(right).concat()
}

/// Adds the frames of one stream, mostly in their order, with others among them.
pub(crate) fn exchange(rng: &mut Rng, bytes: &mut Vec<u8>, stream: u32, begin: &[usize]) {
    let block = block(rng, begin);
    if rng.u8(..6) == 0 {
        let at = rng.usize(..=block.len());
        frame(bytes, 1, rng.u8(..2), stream, &block[..at]);
        frame(bytes, 9, 4, stream, &block[at..]);
    } else {
        frame(
            bytes,
            1,
            if rng.u8(..4) > 0 { 4 } else { rng.u8(..) },
            stream,
            &block,
        );
    }
    if rng.u8(..4) > 0 {
        let mut message = MESSAGE.to_vec();
        if rng.bool() {
            let at = rng.usize(..message.len());
            message[at] = rng.u8(..);
        }
        frame(bytes, 0, rng.u8(..2), stream, &message);
    }
    if rng.bool() {
        let kind = [0, 2, 3, 4, 5, 6, 7, 8, 9, 42][rng.usize(..10)];
        let payload = random(rng, 24);
        let on = [0, stream, stream + 1, rng.u32(..) >> 1][rng.usize(..4)];
        frame(bytes, kind, rng.u8(..), on, &payload);
    }
    if rng.u8(..4) > 0 {
        let trailers = self::block(rng, &[]);
        frame(bytes, 1, 5, stream, &trailers);
    }
}

/// A block of fields: what such a block begins with first, as a rule, and then any others.
fn block(rng: &mut Rng, begin: &[usize]) -> Vec<u8> {
    let mut block = Vec::new();
    if rng.u8(..6) > 0 {
        block.extend(begin.iter().flat_map(|index| right(*index)));
    }
    // Pseudo-fields come first or nowhere.
    let from = if rng.u8(..8) == 0 { 0 } else { 6 };
    for _ in 0..rng.usize(..6) {
        let (name, value) = FIELDS[rng.usize(from..FIELDS.len())];
        let value = match rng.u8(..4) {
            0 => random(rng, 64),
            1 => WRONG[rng.usize(..WRONG.len())].as_bytes().to_vec(),
            2 => value.repeat(rng.usize(1..200)).into_bytes(),
            _ => value.as_bytes().to_vec(),
        };
        block.extend(field(name, &value));
    }
    block
}

/// A field with its right value.
fn right(index: usize) -> Vec<u8> {
    let (name, value) = FIELDS[index];
    field(name, value.as_bytes())
}

/// A request over HTTP/1.1.
fn http1(rng: &mut Rng) -> Vec<u8> {
    let method = ["POST", "GET", "PRI", "OPTIONS", "CONNECT"][rng.usize(..5)];
    let path = [
        "/greet.GreetService/Greet",
        "/",
        "*",
        "/greet.GreetService/\u{e9}",
        "//",
    ][rng.usize(..5)];
    let version = ["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9"][rng.usize(..4)];
    let mut text = format!("{method} {path} {version}\r\nhost: localhost\r\n").into_bytes();
    for _ in 0..rng.usize(..6) {
        let (name, value) = FIELDS[rng.usize(6..FIELDS.len())];
        text.extend(name.as_bytes());
        text.extend(b": ");
        text.extend(if rng.bool() {
            value.as_bytes()
        } else {
            WRONG[rng.usize(..WRONG.len())].as_bytes()
        });
        text.extend(b"\r\n");
    }
    let bodies: [&[u8]; 5] = [
        b"{\"name\":\"Dubbo\"}",
        b"{\"name\":",
        MESSAGE,
        b"AAAAAAcKBUR1YmJv",
        b"5\r\n\x00\x00\x00\x00\x07\r\nffffffff\r\n",
    ];
    let body = bodies[rng.usize(..5)];
    if rng.bool() {
        text.extend(format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len()).into_bytes());
        text.extend(body);
        text.extend(b"\r\n0\r\n\r\n");
    } else {
        text.extend(
            format!("content-length: {}\r\n\r\n", body.len() + rng.usize(..3)).into_bytes(),
        );
        text.extend(body);
    }
    text
}

/// Damages one connection in two: bits turned, bytes left out, repeated or put in.
pub(crate) fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if rng.bool() {
        return;
    }
    for _ in 0..rng.usize(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.usize(..bytes.len());
        let to = (at + rng.usize(1..32)).min(bytes.len());
        match rng.u8(..5) {
            0 => bytes[at] ^= 1 << rng.u8(..8),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..to)),
            3 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let piece = random(rng, 16);
                bytes.splice(at..at, piece);
            }
        }
    }
}

pub(crate) fn random(rng: &mut Rng, most: usize) -> Vec<u8> {
    (0..rng.usize(..=most)).map(|_| rng.u8(..)).collect()
}
