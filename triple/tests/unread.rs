//! Requests that are answered by their heads alone, and whose bodies come afterwards.
#![allow(clippy::unwrap_used)]

mod support;

use support::http2::{END_HEADERS, END_STREAM, Frame, PREFACE, field, frame, take};
use support::{Behaviour, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// Calls at a time, each in a batch of its own.
const CALLS: u32 = 100;

/// HTTP/2 libraries end a connection on which frames of a thousand streams come that they have forgotten.
const BATCHES: u32 = 100;

/// The head of a call of a method that is not there.
fn head() -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/greet.Unknown/Greet"),
        ("content-type", "application/grpc"),
    ];
    let fields = fields.map(|(name, value)| field(name, value.as_bytes()));
    fields.concat()
}

/// Reads frames until so many answers have ended.
async fn answers(stream: &mut TcpStream, unread: &mut Vec<u8>, count: u32) {
    let mut ended = 0;
    while ended < count {
        assert_ne!(
            stream.read_buf(unread).await.unwrap(),
            0,
            "the connection ends"
        );
        for Frame {
            kind,
            flags,
            payload,
            ..
        } in take(unread)
        {
            assert_ne!(kind, GOAWAY, "the connection ends: {payload:?}");
            if kind == HEADERS && flags & END_STREAM != 0 {
                ended += 1;
            }
        }
    }
}

/// Makes calls in batches: each sends its message, of so many bytes, once all have been answered.
async fn call(batches: u32, calls: u32, length: usize) {
    let serving = serve(&Behaviour::default()).await;
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    let mut opening = PREFACE.to_vec();
    frame(&mut opening, SETTINGS, 0, 0, &[]);
    stream.write_all(&opening).await.unwrap();
    let mut unread = Vec::new();
    let message = vec![0; length];
    for batch in 0..batches {
        let streams = (0..calls).map(|call| (batch * calls + call) * 2 + 1);
        let mut heads = Vec::new();
        for id in streams.clone() {
            frame(&mut heads, HEADERS, END_HEADERS, id, &head());
        }
        stream.write_all(&heads).await.unwrap();
        answers(&mut stream, &mut unread, calls).await;
        let mut bodies = Vec::new();
        for id in streams {
            frame(&mut bodies, DATA, 0, id, &message);
            frame(&mut bodies, DATA, END_STREAM, id, &[]);
        }
        stream.write_all(&bodies).await.unwrap();
    }
}

#[tokio::test]
async fn thousands_of_calls_whose_requests_come_after_their_answers_do_not_end_their_connection() {
    call(BATCHES, CALLS, 6).await;
    // Messages with more bytes than come with a head, and an end that comes after them.
    call(200, 10, 16_000).await;
}
