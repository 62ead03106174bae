//! Answers over HTTP/1.1 that are known before the request has arrived whole: the peer reads them, and goes on with its connection.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Behaviour, serve};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use triple::Serving;

/// A connection that writes and reads whole requests and answers, in pieces.
struct Connection(BufStream<TcpStream>);

impl Connection {
    async fn open(serving: &Serving) -> Self {
        let stream = TcpStream::connect(serving.address()).await.unwrap();
        Self(BufStream::new(stream))
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Reads an answer whole: its head in lower case, and its body.
    async fn answer(&mut self) -> (String, Vec<u8>) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.0.read_line(&mut head).await.unwrap();
            assert_ne!(read, 0, "the connection ends after {head:?}");
        }
        let head = head.to_ascii_lowercase();
        let mut body = Vec::new();
        if let Some((_, length)) = head.split_once("content-length: ") {
            let length = length.split_once('\r').unwrap().0.parse().unwrap();
            body.resize(length, 0);
            self.0.read_exact(&mut body).await.unwrap();
            return (head, body);
        }
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        loop {
            let mut length = String::new();
            self.0.read_line(&mut length).await.unwrap();
            let length = usize::from_str_radix(length.trim(), 16).unwrap();
            let mut chunk = vec![0; length + 2];
            self.0.read_exact(&mut chunk).await.unwrap();
            body.extend(&chunk[..length]);
            if length == 0 {
                return (head, body);
            }
        }
    }

    /// Makes a call that succeeds.
    async fn greets(&mut self) {
        let request = "POST /greet.GreetService/Greet HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                       content-length: 16\r\n\r\n{\"name\":\"world\"}";
        self.send(request.as_bytes()).await;
        let (head, body) = self.answer().await;
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("hello world"), "{body}");
    }
}

#[tokio::test]
async fn a_request_that_ends_after_its_answer_leaves_the_connection_in_use() {
    let serving = serve(&Behaviour::default()).await;
    for (path, headers, code) in [
        ("Nothing", "", "grpc-status: 12"),
        ("Greet", "grpc-encoding: unknown\r\n", "grpc-status: 12"),
    ] {
        for kind in ["grpc-web+proto", "grpc-web-text+proto"] {
            let mut connection = Connection::open(&serving).await;
            let head = format!(
                "POST /greet.GreetService/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/{kind}\r\n{headers}\
                 transfer-encoding: chunked\r\n\r\n"
            );
            connection.send(head.as_bytes()).await;
            connection.send(b"8\r\nAAAAAAA=\r\n").await;
            let (head, body) = connection.answer().await;
            let text = String::from_utf8_lossy(&body);
            let said = head.contains(code) || text.contains(code);
            assert!(said, "{path} as {kind}: {head}{text}");
            connection.send(b"8\r\nAAAAAAA=\r\n0\r\n\r\n").await;
            connection.greets().await;
        }
    }
}

#[tokio::test]
async fn a_peer_that_looks_at_nothing_before_it_has_sent_everything_sees_the_answer() {
    let serving = serve(&Behaviour::default()).await;
    let request = vec![b' '; 6 * 1024 * 1024];
    for (kind, said) in [
        ("application/json", "resource_exhausted"),
        ("application/grpc", "http/1.1 505 "),
        ("text/plain", "http/1.1 415 "),
    ] {
        let mut connection = Connection::open(&serving).await;
        let head = format!(
            "POST /greet.GreetService/Greet HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            request.len()
        );
        connection.send(head.as_bytes()).await;
        connection.send(&request).await;
        let (head, body) = connection.answer().await;
        let answer = head + &String::from_utf8(body).unwrap();
        assert!(answer.contains(said), "{kind}: {answer}");
        connection.greets().await;
    }
}
