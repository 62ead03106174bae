//! What a provider speaks besides plain gRPC, and what it answers to what it does not speak.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use greet::greet_service_client::GreetServiceClient;
use greet::{GreetRequest, GreetResponse};
use http::{Request, Response, Version};
use http_body_util::Full;
use metrics_core::{Config, Metrics, OutcomeKind, Side};
use prost::Message;
use support::{Behaviour, channel, provider, serve};
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};
use triple::{Serving, Workers, business_error};

const GREET: &str = "/greet.GreetService/Greet";

/// Sends a request with a body of bytes.
async fn send(
    serving: &Serving,
    version: Version,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Response<Vec<u8>> {
    let mut request = Request::post(format!("http://{}{GREET}", serving.address()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let host = serving.address().to_string();
    let request = request.version(version).header("host", host);
    let request = request.body(Full::<bytes::Bytes>::from(body)).unwrap();
    support::exchange(serving, request).await
}

fn message(name: &str) -> Vec<u8> {
    let name = name.to_owned();
    GreetRequest { name }.encode_to_vec()
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u32).to_be_bytes();
    [&[flag], &length[..], message].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn header<'a>(answer: &'a Response<Vec<u8>>, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_encoding_works_in_both_directions() {
    let serving = serve(&Behaviour::default()).await;
    for encoding in [
        CompressionEncoding::Gzip,
        CompressionEncoding::Deflate,
        CompressionEncoding::Zstd,
    ] {
        let mut client = GreetServiceClient::new(channel(&serving).await)
            .send_compressed(encoding)
            .accept_compressed(encoding);
        let name = "x".repeat(100_000);
        let answer = client.greet(GreetRequest { name: name.clone() }).await;
        let answer = answer.unwrap();
        let used = answer.metadata().get("grpc-encoding").unwrap();
        assert_eq!(used.to_str().unwrap(), encoding.to_string());
        assert_eq!(answer.into_inner().greeting, format!("hello {name}"));
    }
}

#[tokio::test]
async fn what_unpacks_beyond_the_limit_and_unknown_encodings_are_refused() {
    let serving = serve(&Behaviour::default()).await;
    let with = |encoding| {
        [
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-encoding", encoding),
        ]
    };
    let bomb = framed(1, &gzip(&vec![0; 5 * 1024 * 1024]));
    let answer = send(&serving, Version::HTTP_2, &with("gzip"), bomb).await;
    assert_eq!(header(&answer, "grpc-status"), "8");
    let packed = framed(1, b"whatever");
    let answer = send(&serving, Version::HTTP_2, &with("snappy"), packed).await;
    assert_eq!(header(&answer, "grpc-status"), "12");
    assert_eq!(
        header(&answer, "grpc-accept-encoding"),
        "gzip,deflate,zstd,identity"
    );
    let answer = send(&serving, Version::HTTP_2, &with("gzip"), framed(1, b"no")).await;
    assert_eq!(header(&answer, "grpc-status"), "13");
}

#[tokio::test]
async fn protobuf_over_plain_http_is_answered_in_protobuf() {
    let serving = serve(&Behaviour::default()).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let headers = [("content-type", "application/proto")];
        let answer = send(&serving, version, &headers, message("Dubbo")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "content-type"), "application/proto");
        let greeting = GreetResponse::decode(&answer.body()[..]).unwrap();
        assert_eq!(greeting.greeting, "hello Dubbo");
    }
    let failing = serve(&Behaviour::failing(|| business_error("random error"))).await;
    let headers = [("content-type", "application/proto")];
    let answer = send(&failing, Version::HTTP_11, &headers, Vec::new()).await;
    assert_eq!(answer.status(), 500);
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert_eq!(
        answer.body(),
        br#"{"code":"code_17","message":"random error"}"#
    );
}

#[tokio::test]
async fn plain_http_may_be_compressed_in_both_directions() {
    let serving = serve(&Behaviour::default()).await;
    let name = "x".repeat(5000);
    let json = format!(r#"{{"name":"{name}"}}"#).into_bytes();
    for (kind, body) in [
        ("application/json", json),
        ("application/proto", message(&name)),
    ] {
        let headers = [
            ("content-type", kind),
            ("content-encoding", "gzip"),
            ("accept-encoding", "gzip"),
        ];
        let answer = send(&serving, Version::HTTP_11, &headers, gzip(&body)).await;
        assert_eq!(answer.status(), 200, "{kind}");
        assert_eq!(header(&answer, "content-encoding"), "gzip");
        let mut plain = Vec::new();
        let mut decoder = GzDecoder::new(&answer.body()[..]);
        decoder.read_to_end(&mut plain).unwrap();
        assert!(plain.len() > 5000, "{kind}: {} bytes", plain.len());
    }
    for (encoding, body, status) in [
        ("br", Vec::new(), 404),
        ("gzip", b"no gzip".to_vec(), 400),
        ("gzip", gzip(&vec![b' '; 5 * 1024 * 1024]), 429),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        let answer = send(&serving, Version::HTTP_11, &headers, body).await;
        assert_eq!(answer.status(), status, "{encoding}");
    }
}

#[tokio::test]
async fn grpc_web_is_answered_with_the_status_in_a_last_message() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    let metrics = Metrics::new(Config::default()).unwrap();
    let behaviours = [
        (Behaviour::default(), "0"),
        (Behaviour::failing(|| business_error("no")), "17"),
    ];
    for (behaviour, status) in behaviours {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = provider(&behaviour).metrics(&metrics);
        let serving = provider.serve(listener, &Workers::here()).await.unwrap();
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for kind in ["application/grpc-web+proto", "application/grpc-web-text"] {
                let text = kind.ends_with("text");
                let mut body = framed(0, &message("Dubbo"));
                if text {
                    body = STANDARD.encode(body).into();
                }
                let answer = send(&serving, version, &[("content-type", kind)], body).await;
                assert_eq!(answer.status(), 200);
                let expected = "application/grpc-web";
                assert!(header(&answer, "content-type").starts_with(expected));
                if status != "0" {
                    assert_eq!(header(&answer, "grpc-status"), status);
                    continue;
                }
                let mut body = answer.into_body();
                if text {
                    // Each of the two frames is padded by itself.
                    let text = String::from_utf8(body).unwrap();
                    let pieces = text.split_inclusive('=').collect::<String>();
                    body = pieces
                        .as_bytes()
                        .chunks(4)
                        .flat_map(|four| STANDARD.decode(four).unwrap())
                        .collect();
                }
                let greeting = GreetResponse {
                    greeting: "hello Dubbo".to_owned(),
                };
                let message = framed(0, &greeting.encode_to_vec());
                assert!(body.starts_with(&message));
                let trailers = framed(0x80, b"grpc-status: 0\r\n");
                assert_eq!(&body[message.len()..], trailers);
            }
        }
    }
    let outcomes = metrics.figures(Side::Provider).remove(0).outcomes;
    let counted = (
        outcomes.of(OutcomeKind::Success),
        outcomes.of(OutcomeKind::Business),
    );
    assert_eq!((counted, outcomes.total()), ((4, 4), 8));
}

#[tokio::test]
async fn what_is_not_spoken_is_refused_with_what_would_work() {
    let serving = serve(&Behaviour::default()).await;
    let body = framed(0, &message("Dubbo"));
    for (version, kind, status, hint) in [
        (Version::HTTP_11, "application/grpc", 505, "HTTP/2"),
        (
            Version::HTTP_2,
            "application/grpc+json",
            415,
            "application/grpc+proto",
        ),
        (
            Version::HTTP_2,
            "application/grpc+hessian2",
            415,
            "application/grpc+proto",
        ),
        (
            Version::HTTP_11,
            "application/grpc-web+json",
            415,
            "application/grpc-web+proto",
        ),
        (
            Version::HTTP_11,
            "application/grpc-webby",
            415,
            "application/grpc-web+proto",
        ),
        (
            Version::HTTP_2,
            "application/hessian2",
            415,
            "application/proto",
        ),
    ] {
        let answer = send(&serving, version, &[("content-type", kind)], body.clone()).await;
        assert_eq!(answer.status(), status, "{kind}");
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(text.contains(hint), "{kind}: {text}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_call_alone() {
    fn broken() -> Status {
        panic!("the handler is broken");
    }
    let metrics = Metrics::new(Config::default()).unwrap();
    let behaviour = Behaviour::failing(broken);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider(&behaviour).metrics(&metrics);
    let serving = provider.serve(listener, &Workers::here()).await.unwrap();
    let mut client = GreetServiceClient::new(channel(&serving).await);
    for _ in 0..2 {
        let status = client.greet(GreetRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.message(), "the handler panicked");
    }
    let outcomes = metrics.figures(Side::Provider).remove(0).outcomes;
    assert_eq!((outcomes.failed(), outcomes.total()), (2, 2));
}
