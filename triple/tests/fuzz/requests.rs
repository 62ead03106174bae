//! Requests that HTTP/1.1 allows, with anything in their fields and bodies: JSON, Protobuf and gRPC-Web, in both of its forms.

use fastrand::Rng;

use super::frames::{MESSAGE, WRONG, random};

const PATHS: [&str; 8] = [
    "/greet.GreetService/Greet",
    "/greet.GreetService/Greet?version=1.0.0&group=blue",
    "/grpc.health.v1.Health/Check",
    "/org.apache.dubbo.metadata.MetadataServiceV2/GetMetadataInfo",
    "/greet.GreetService/",
    "//Greet",
    "/",
    "/%67reet.GreetService/Greet",
];

const TYPES: [&str; 12] = [
    "application/json",
    "application/json; charset=utf-16",
    "application/proto",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
    "application/grpc-web+json",
    "application/grpc",
    "application/grpc+proto;a=b",
    "text/plain",
    "",
];

/// Fields that are read somewhere, with values that are right.
const FIELDS: [(&str, &str); 14] = [
    ("grpc-timeout", "50m"),
    ("timeout", "100ms"),
    ("tri-service-timeout", "100"),
    ("grpc-encoding", "gzip"),
    ("content-encoding", "gzip"),
    ("accept-encoding", "gzip, zstd;q=0.5"),
    ("grpc-accept-encoding", "gzip,zstd"),
    ("accept", "application/grpc-web-text"),
    ("tri-service-group", "blue"),
    ("tri-service-version", "1.0.0"),
    ("tri-consumer-appname", "shop"),
    (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    ("x-any-bin", "CA0SCWRpc2sgZnVsbA"),
    ("expect", "100-continue"),
];

const JSON: [&str; 6] = [
    r#"{"name":"Dubbo"}"#,
    r#"["Dubbo"]"#,
    r#"{"name":null,"name":"\ud83d\ude00\ud800"}"#,
    r#"{"other":{"a":[1,2.5e300,-0]}}"#,
    "{}",
    "",
];

/// Returns the bytes of a request on a connection of its own.
pub(crate) fn request(rng: &mut Rng) -> Vec<u8> {
    let kind = TYPES[rng.usize(..TYPES.len())];
    let path = PATHS[if rng.bool() {
        0
    } else {
        rng.usize(..PATHS.len())
    }];
    let method = [
        "POST", "POST", "POST", "POST", "POST", "GET", "PUT", "OPTIONS",
    ][rng.usize(..8)];
    let body = body(rng, kind);
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    )
    .into_bytes();
    if !kind.is_empty() {
        field(&mut bytes, "content-type", kind.as_bytes());
    }
    for _ in 0..rng.usize(..5) {
        let (name, value) = FIELDS[rng.usize(..FIELDS.len())];
        let value = match rng.u8(..4) {
            0 => text(rng),
            1 => WRONG[rng.usize(..WRONG.len())].as_bytes().to_vec(),
            2 => value.repeat(rng.usize(1..100)).into_bytes(),
            _ => value.as_bytes().to_vec(),
        };
        field(&mut bytes, name, &value);
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
}

/// What HTTP allows in a value.
fn text(rng: &mut Rng) -> Vec<u8> {
    let mut text = random(rng, 60);
    text.retain(|byte| *byte >= b' ' && *byte != 0x7f);
    text
}

fn body(rng: &mut Rng, kind: &str) -> Vec<u8> {
    let mut body = if kind.contains("json") && !kind.contains("grpc") {
        JSON[rng.usize(..JSON.len())].as_bytes().to_vec()
    } else if kind == "application/proto" {
        MESSAGE[5..].to_vec()
    } else {
        MESSAGE.repeat(rng.usize(1..3))
    };
    for _ in 0..[0, 0, 1, 1, 2, 5][rng.usize(..6)] {
        let place = rng.usize(..=body.len());
        match rng.u8(..5) {
            0 => body.truncate(place),
            1 => drop(body.splice(place..place, random(rng, 20))),
            2 => {
                let nested = ["[", "{\"name\":", "\\u0000", "\x0a\x7f"][rng.usize(..4)];
                body.splice(place..place, nested.repeat(rng.usize(1..3000)).into_bytes());
            }
            _ if place < body.len() => body[place] = rng.u8(..),
            _ => {}
        }
    }
    if kind.contains("web-text") && rng.u8(..8) > 0 {
        body = base64(rng, &body);
    }
    body
}

/// Base64, in one piece or in several with paddings of their own, and now and then damaged.
fn base64(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    let size = if rng.bool() {
        bytes.len().max(1)
    } else {
        rng.usize(1..9)
    };
    for piece in bytes.chunks(size) {
        for group in piece.chunks(3) {
            let mut word = [0; 4];
            word[1..=group.len()].copy_from_slice(group);
            let word = u32::from_be_bytes(word);
            for digit in 0..4 {
                let index = word >> (18 - 6 * digit) & 63;
                text.push(if digit <= group.len() {
                    DIGITS[index as usize]
                } else {
                    b'='
                });
            }
        }
    }
    if rng.u8(..6) == 0 && !text.is_empty() {
        let place = rng.usize(..text.len());
        text[place] = rng.u8(..);
    }
    text
}
