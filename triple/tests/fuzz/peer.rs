//! A hostile provider that follows HTTP/2 far enough to be believed: it waits until a call is whole, and then answers it with what no
//! provider should send. So the answers reach the code that reads statuses, messages, health and metadata.

use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answers;
use super::frames::{self, ACK, END_HEADERS, END_STREAM, Frame};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

/// Answers the calls of one connection until the consumer ends it. Returns how many there were.
pub(crate) async fn serve(mut stream: TcpStream, mut rng: Rng) -> usize {
    let (mut unread, mut calls) = (Vec::new(), 0);
    // Small pieces go out at once.
    let _ = stream.set_nodelay(true);
    let mut reply = Vec::new();
    settings(&mut rng, &mut reply);
    loop {
        if !write(&mut stream, &mut rng, &reply).await {
            return calls;
        }
        reply.clear();
        if !matches!(stream.read_buf(&mut unread).await, Ok(1..)) {
            return calls;
        }
        for frame in frames::take(&mut unread) {
            let Frame {
                kind,
                flags,
                stream,
                ..
            } = frame;
            match kind {
                SETTINGS if flags & ACK == 0 => {
                    frames::frame(&mut reply, SETTINGS, ACK, 0, &[]);
                }
                PING if flags & ACK == 0 && rng.u8(..8) > 0 => {
                    frames::frame(&mut reply, PING, ACK, 0, &frame.payload);
                }
                HEADERS | DATA if flags & END_STREAM != 0 => {
                    calls += 1;
                    answer(&mut rng, &mut reply, stream);
                }
                _ => {}
            }
        }
    }
}

/// Sends in one piece or in several.
async fn write(stream: &mut TcpStream, rng: &mut Rng, bytes: &[u8]) -> bool {
    let size = if rng.bool() {
        bytes.len().max(1)
    } else {
        rng.usize(1..300)
    };
    for piece in bytes.chunks(size) {
        if stream.write_all(piece).await.is_err() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

/// Most settings are right.
fn settings(rng: &mut Rng, reply: &mut Vec<u8>) {
    let mut payload = Vec::new();
    if rng.u8(..6) == 0 {
        for _ in 0..rng.usize(1..4) {
            let value = [0, 1, 100, 16_384, 65_535, 1 << 24, u32::MAX >> 1, u32::MAX];
            payload.extend(rng.u16(1..9).to_be_bytes());
            payload.extend(value[rng.usize(..value.len())].to_be_bytes());
        }
    }
    frames::frame(reply, SETTINGS, 0, 0, &payload);
}

/// Adds the answer to the call on this stream. The first is a question for health, or for metadata.
fn answer(rng: &mut Rng, reply: &mut Vec<u8>, stream: u32) {
    // A provider without a health service is called all the same.
    if stream == 1 && rng.u8(..4) > 0 {
        let head = frames::unimplemented();
        return frames::frame(reply, HEADERS, END_HEADERS | END_STREAM, 1, &head);
    }
    let mut bytes = Vec::new();
    match rng.u8(..16) {
        // No answer: the deadline ends the call.
        0 => {}
        1 => flood(rng, &mut bytes, stream),
        2 => frames::exchange(rng, &mut bytes, stream, &frames::ANSWER),
        _ => grpc(rng, &mut bytes, stream),
    }
    if rng.u8(..4) == 0 {
        frames::damage(rng, &mut bytes);
    }
    reply.extend(bytes);
}

/// Frames that HTTP/2 allows, with anything in the head, the messages and the trailers.
fn grpc(rng: &mut Rng, bytes: &mut Vec<u8>, stream: u32) {
    let mut head = answers::head(rng);
    if rng.u8(..4) == 0 {
        head.extend(answers::status(rng));
        return frames::frame(bytes, HEADERS, END_HEADERS | END_STREAM, stream, &head);
    }
    answers::headers(rng, bytes, END_HEADERS, stream, &head);
    for _ in 0..rng.usize(..3) {
        let message = answers::message(rng);
        for piece in message.chunks(rng.usize(1..2000)) {
            frames::frame(bytes, DATA, 0, stream, piece);
        }
    }
    match rng.u8(..8) {
        // The stream stays open, or ends without a status.
        0 => {}
        1 => frames::frame(bytes, DATA, END_STREAM, stream, &[]),
        2 => frames::frame(bytes, 3, 0, stream, &rng.u32(..20).to_be_bytes()),
        _ => {
            let trailers = answers::status(rng);
            answers::headers(rng, bytes, END_HEADERS | END_STREAM, stream, &trailers);
        }
    }
}

/// Many frames of one kind.
fn flood(rng: &mut Rng, bytes: &mut Vec<u8>, stream: u32) {
    let kind = [DATA, 2, 3, SETTINGS, PING, 7, 8, 9][rng.usize(..8)];
    let size = [0, 5, 4, 6, 8, 8, 4, 10][rng.usize(..8)];
    let payload = vec![rng.u8(..2); size];
    let on = [0, stream, stream + 2][rng.usize(..3)];
    for _ in 0..rng.usize(10..3000) {
        frames::frame(bytes, kind, 0, on, &payload);
    }
}
