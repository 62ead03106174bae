//! What a provider does with peers that hold on to what they have, with too much of anything, and with handlers that overrun.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use bytes::Bytes;
use greet::GreetRequest;
use greet::greet_service_client::GreetServiceClient;
use http::{HeaderValue, Version};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use metrics_core::{Config, Metrics, OutcomeKind, Side};
use support::{Behaviour, channel, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use triple::{Serving, Workers};

/// Connects, sends these bytes, and returns what comes back until the provider hangs up, and how long that took.
///
/// The tests' clocks are paused: where nothing but time can end a connection, it passes at once.
async fn hung_up(serving: &Serving, bytes: &[u8]) -> (String, Duration) {
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    let start = Instant::now();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A provider that has bytes left to read resets the connection, which ends it, too.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_say_which_protocol_it_speaks_is_hung_up_on() {
    let serving = serve(&Behaviour::default()).await;
    for bytes in ["", "P", "PRI * HTTP/2.0\r\n\r\n"] {
        let (answer, after) = hung_up(&serving, bytes.as_bytes()).await;
        assert_eq!(answer, "", "to {bytes:?}");
        assert!(after < Duration::from_secs(60), "{bytes:?}: {after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_headers_never_end_is_hung_up_on() {
    let serving = serve(&Behaviour::default()).await;
    let request = b"POST /greet.GreetService/Greet HTTP/1.1\r\nhost: localhost\r\nx: ";
    let (_, after) = hung_up(&serving, request).await;
    assert!(after < Duration::from_secs(60), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_json_never_ends_is_answered_and_hung_up_on() {
    let serving = serve(&Behaviour::default()).await;
    let request = b"POST /greet.GreetService/Greet HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                    content-length: 100\r\n\r\n{";
    let (answer, after) = hung_up(&serving, request).await;
    assert!(answer.contains("deadline_exceeded"), "{answer}");
    assert!(after < Duration::from_secs(120), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_waits_for_its_next_request_for_long_is_hung_up_on() {
    let serving = serve(&Behaviour::default()).await;
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (answer, after) = hung_up(&serving, request).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(after < Duration::from_secs(120), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn an_http_2_peer_that_gives_no_sign_of_life_is_hung_up_on() {
    let serving = serve(&Behaviour::default()).await;
    // The preface, and empty settings.
    let opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let (_, after) = hung_up(&serving, opening).await;
    assert!(after < Duration::from_secs(120), "{after:?}");
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused() {
    let serving = serve(&Behaviour::default()).await;
    let large = "x".repeat(1024 * 1024);
    let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {large}\r\n\r\n");
    let (answer, _) = hung_up(&serving, request.as_bytes()).await;
    // What was not read any more resets the connection, and the answer may be lost with it.
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[tokio::test]
async fn a_message_beyond_four_mebibytes_is_refused_with_both_sizes() {
    let serving = serve(&Behaviour::default()).await;
    let mut client = GreetServiceClient::new(channel(&serving).await);
    let name = "x".repeat(5 * 1024 * 1024);
    let status = client.greet(GreetRequest { name }).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    assert!(status.message().contains("4194304"), "{status}");
}

#[tokio::test]
async fn a_handler_that_overruns_the_callers_deadline_is_told_so() {
    let serving = serve(&Behaviour::taking(Duration::from_secs(3600))).await;
    // tonic's own channel would end the call itself, so the request is made by hand.
    let mut request = support::post(&serving, Version::HTTP_2)
        .header("te", "trailers")
        .header("grpc-timeout", "50m")
        .body("\0".repeat(5))
        .unwrap();
    let grpc = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert("content-type", grpc);
    let answer = support::http(&serving, request).await;
    assert_eq!(answer.headers()["grpc-status"], "4");
}

/// A gRPC request to the greeting method whose body the test sends itself.
fn streamed(serving: &Serving) -> (http::Request<Chunks>, tokio::sync::mpsc::Sender<Bytes>) {
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    let request = http::Request::post(format!(
        "http://{}/greet.GreetService/Greet",
        serving.address()
    ))
    .version(Version::HTTP_2)
    .header("content-type", "application/grpc")
    .header("te", "trailers")
    .body(StreamBody::new(
        ReceiverStream::new(receiver).map(frame as fn(Bytes) -> _),
    ))
    .unwrap();
    (request, sender)
}

type Chunks = StreamBody<tokio_stream::adapters::Map<ReceiverStream<Bytes>, fn(Bytes) -> Piece>>;
type Piece = Result<Frame<Bytes>, std::convert::Infallible>;

fn frame(bytes: Bytes) -> Piece {
    Ok(Frame::data(bytes))
}

#[tokio::test]
async fn a_connection_holds_no_more_unfinished_messages_than_the_limit() {
    let serving = serve(&Behaviour::default()).await;
    let stream = TokioIo::new(TcpStream::connect(serving.address()).await.unwrap());
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .handshake(stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    // Each call sends all but the last byte of 4 MiB: 16 fit into 64 MiB.
    let message = Bytes::from(vec![0; 4 * 1024 * 1024 - 1]);
    let length = Bytes::from_static(&[0, 0, 0x40, 0, 0]);
    let (mut waiting, mut refused) = (Vec::new(), 0);
    for _ in 0..20 {
        let (request, body) = streamed(&serving);
        let mut answer = Box::pin(sender.clone().send_request(request));
        body.send(length.clone()).await.unwrap();
        body.send(message.clone()).await.unwrap();
        // Either the provider takes everything, or it answers.
        let answered = loop {
            tokio::select! {
                answer = &mut answer => break Some(answer.unwrap()),
                () = tokio::time::sleep(Duration::from_millis(20)) => {
                    if body.capacity() == body.max_capacity() {
                        break None;
                    }
                }
            }
        };
        match answered {
            Some(answer) => {
                assert_eq!(answer.headers()["grpc-status"], "8");
                refused += 1;
            }
            None => waiting.push((answer, body)),
        }
    }
    // What is on its way is taken in the end.
    let (last, body) = streamed(&serving);
    let last = sender.clone().send_request(last);
    body.send(Bytes::from_static(&[0, 0, 0, 0, 0]))
        .await
        .unwrap();
    drop(body);
    assert_eq!(last.await.unwrap().status(), 200, "small calls go on");
    for (answer, body) in waiting {
        // The last byte finishes the message, or its call was refused.
        let _ = body.send(Bytes::from_static(&[0])).await;
        drop(body);
        let answer = answer.await.unwrap();
        refused += usize::from(
            answer
                .headers()
                .get("grpc-status")
                .is_some_and(|code| code == "8"),
        );
    }
    assert!((4..20).contains(&refused), "{refused} of 20 were refused");
}

#[tokio::test]
async fn an_answer_that_the_peer_does_not_take_ends_at_the_deadline() {
    let metrics = Metrics::new(Config::default()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = support::provider(&Behaviour::default()).metrics(&metrics);
    let serving = provider.serve(listener, &Workers::here()).await.unwrap();
    let stream = TokioIo::new(TcpStream::connect(serving.address()).await.unwrap());
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1000)
        .handshake(stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    // The answer is as long as the name, and nothing takes it.
    let name = "x".repeat(1_000_000);
    let message = prost::Message::encode_to_vec(&GreetRequest { name });
    let length = (message.len() as u32).to_be_bytes();
    let body = [&[0][..], &length, &message].concat();
    let request = http::Request::post(format!(
        "http://{}/greet.GreetService/Greet",
        serving.address()
    ))
    .version(Version::HTTP_2)
    .header("content-type", "application/grpc")
    .header("te", "trailers")
    .header("grpc-timeout", "300m")
    .body(http_body_util::Full::<Bytes>::from(body))
    .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let figures = || metrics.figures(Side::Provider).remove(0);
    while figures().in_flight > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(figures().outcomes.of(OutcomeKind::Timeout), 1);
    drop(answer);
}
