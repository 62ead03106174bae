//! Requests that are answered by their heads alone, and whose bodies come afterwards.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Behaviour, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Calls at a time, each in a batch of its own.
const CALLS: u32 = 100;

/// HTTP/2 libraries end a connection that gathers some thousands of small frames that nothing reads.
const BATCHES: u32 = 100;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The head of a call of a method that is not there, by HPACK without its tables.
fn head() -> Vec<u8> {
    // POST and http of the static table; then :authority, :path and content-type, named by it.
    let mut block = vec![0x83, 0x86];
    for (name, value) in [
        (&[0x01][..], "localhost"),
        (&[0x04], "/greet.Unknown/Greet"),
        (&[0x0f, 0x10], "application/grpc"),
    ] {
        block.extend(name);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    }
    block
}

/// Reads frames until so many answers have ended.
async fn answers(stream: &mut TcpStream, count: u32) {
    let mut ended = 0;
    while ended < count {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        let (kind, flags) = (head[3], head[4]);
        assert_ne!(kind, GOAWAY, "the connection ends: {payload:?}");
        if kind == HEADERS && flags & END_STREAM != 0 {
            ended += 1;
        }
    }
}

#[tokio::test]
async fn thousands_of_calls_whose_requests_come_after_their_answers_do_not_end_their_connection() {
    let serving = serve(&Behaviour::default()).await;
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    for batch in 0..BATCHES {
        let streams = (0..CALLS).map(|call| (batch * CALLS + call) * 2 + 1);
        let heads: Vec<u8> = streams
            .clone()
            .flat_map(|id| frame(HEADERS, END_HEADERS, id, &head()))
            .collect();
        stream.write_all(&heads).await.unwrap();
        answers(&mut stream, CALLS).await;
        let bodies: Vec<u8> = streams
            .flat_map(|id| {
                let message = frame(DATA, 0, id, b"\0\0\0\0\x01x");
                [message, frame(DATA, END_STREAM, id, &[])].concat()
            })
            .collect();
        stream.write_all(&bodies).await.unwrap();
    }
}
