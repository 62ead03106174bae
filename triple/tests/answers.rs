//! What a consumer makes of answers that no honest provider sends, and of honest ones that are no success.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::{MemoryRegistry, MetadataRequest, MetadataSource};
use greet::greet_service_client::GreetServiceClient;
use greet::{GreetRequest, GreetResponse};
use support::peer::{self, Answer, Field, GREET, Peer};
use support::{Behaviour, Client, announced, client, greet, reference};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Response, Status};
use triple::{BUSINESS_CODE, Consumer, ConsumerOptions, RpcMetadata, Workers, wire_code};

fn direct(peer: &Peer) -> Consumer {
    let options = ConsumerOptions::default();
    Consumer::direct(&peer.address, &reference(), &Workers::here(), options).unwrap()
}

fn client_of(peer: &Peer) -> Client {
    GreetServiceClient::new(direct(peer))
}

/// Fields of a status that trip libraries up.
fn malformed() -> Vec<Vec<Field>> {
    let code = ("grpc-status", b"13".to_vec());
    let message = ("grpc-message", b"disk%20full".to_vec());
    let details = |text: &[u8]| ("grpc-status-details-bin", text.to_vec());
    vec![
        vec![code.clone(), message.clone(), details(b"!!")],
        vec![code.clone(), message.clone(), details(b"CA0=CA0=")],
        vec![code.clone(), message.clone(), details(b"\xff\xfe")],
        vec![code.clone(), message.clone(), details(b"A")],
        vec![code, message, details(b"")],
    ]
}

#[tokio::test]
async fn a_malformed_status_fails_its_call_with_code_and_message_and_nothing_else() {
    let places: [fn(&[Field]) -> Answer; 3] = [peer::head, peer::trailers, peer::greeting];
    for place in places {
        for fields in malformed() {
            let answer = fields.clone();
            let peer = Peer::start(move |path| match path {
                GREET => place(&answer),
                _ => peer::unimplemented(),
            })
            .await;
            let client = client_of(&peer);
            for call in 1..=3 {
                let status = greet(&client).await.unwrap_err();
                assert_eq!(status.code(), Code::Internal, "{fields:?}: {status}");
                assert_eq!(status.message(), "disk full", "{fields:?}");
                assert_eq!(peer.greetings(), call, "each call is run once");
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_is_no_text_keeps_the_code() {
    let peer = Peer::start(|path| match path {
        GREET => peer::trailers(&[
            ("grpc-status", b"9".to_vec()),
            ("grpc-message", b"caf%C3 \xff".to_vec()),
        ]),
        _ => peer::unimplemented(),
    })
    .await;
    let status = greet(&client_of(&peer)).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    assert!(status.message().starts_with("caf"), "{status}");
}

#[tokio::test]
async fn a_malformed_status_on_the_health_watch_keeps_no_provider_out() {
    for fields in malformed() {
        let peer = Peer::start(move |path| match path {
            GREET => peer::ok(),
            _ => peer::head(&fields),
        })
        .await;
        assert_eq!(greet(&client_of(&peer)).await.unwrap(), "hello world");
    }
}

#[tokio::test]
async fn a_malformed_status_of_the_metadata_service_is_an_error() {
    for fields in malformed() {
        let peer = Peer::start(move |_| peer::trailers(&fields)).await;
        let (host, port) = peer.address.rsplit_once(':').unwrap();
        let request = MetadataRequest {
            application: "greeter".to_owned(),
            revision: "1".to_owned(),
            host: host.to_owned(),
            port: port.parse().unwrap(),
            version: "2.0.0".to_owned(),
        };
        let error = RpcMetadata::default()
            .fetch(request)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("disk full"), "{error}");
    }
}

#[tokio::test]
async fn codes_beyond_grpcs_own_are_kept_wherever_they_stand() {
    // google.rpc.Status with code 17, and no message.
    let details = ("grpc-status-details-bin", b"CBE".to_vec());
    for (fields, code) in [
        (vec![("grpc-status", b"17".to_vec())], BUSINESS_CODE),
        (
            vec![("grpc-status", b"17".to_vec()), details.clone()],
            BUSINESS_CODE,
        ),
        (vec![("grpc-status", b"2".to_vec()), details], BUSINESS_CODE),
        (vec![("grpc-status", b"42".to_vec())], 42),
    ] {
        let answer = fields.clone();
        let peer = Peer::start(move |path| match path {
            GREET => peer::trailers(&answer),
            _ => peer::unimplemented(),
        })
        .await;
        let status = greet(&client_of(&peer)).await.unwrap_err();
        assert_eq!(wire_code(&status), code, "{fields:?}");
        assert_eq!(peer.greetings(), 1, "an answer is not asked for again");
    }
}

#[tokio::test]
async fn long_error_texts_arrive_whole_and_the_call_is_run_once() {
    for length in [20_000, 70_000, 1_000_000] {
        let text = "x".repeat(length);
        for place in [peer::head as fn(&[Field]) -> Answer, peer::trailers] {
            let message = text.clone().into_bytes();
            let peer = Peer::start(move |path| match path {
                GREET => place(&[
                    ("grpc-status", b"9".to_vec()),
                    ("grpc-message", message.clone()),
                ]),
                _ => peer::unimplemented(),
            })
            .await;
            let status = greet(&client_of(&peer)).await.unwrap_err();
            assert_eq!(status.code(), Code::FailedPrecondition, "{length}");
            assert_eq!(status.message().len(), length);
            assert_eq!(peer.greetings(), 1);
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_status_is_unknown_and_not_asked_for_again() {
    let html = || {
        let mut answer = peer::empty();
        let kind = http::HeaderValue::from_static("text/html");
        answer.headers_mut().insert("content-type", kind);
        answer
    };
    let answers: [fn() -> Answer; 3] = [peer::empty, peer::unfinished, html];
    for answer in answers {
        let peer = Peer::start(move |path| match path {
            GREET => answer(),
            _ => peer::unimplemented(),
        })
        .await;
        let status = greet(&client_of(&peer)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unknown, "{status}");
        assert_eq!(peer.greetings(), 1);
    }
}

#[tokio::test]
async fn what_a_handler_answers_is_run_once() {
    let answers: [fn() -> Status; 6] = [
        || Status::unknown(""),
        || Status::unknown("an exception"),
        || Status::internal(""),
        || Status::internal("broken"),
        || Status::data_loss("gone"),
        || Status::deadline_exceeded("the database took too long"),
    ];
    for answer in answers {
        let registry = MemoryRegistry::new();
        let bad = Behaviour::failing(answer);
        let (_one, _two) = (
            announced(&registry, &bad).await,
            announced(&registry, &bad).await,
        );
        let client = client(&registry, ConsumerOptions::default());
        let status = greet(&client).await.unwrap_err();
        assert_eq!(status.code(), answer().code());
        assert_eq!(bad.calls(), 1, "{status}");
    }
}

#[tokio::test]
async fn interceptors_work_on_a_consumer() {
    let peer = Peer::start(|path| match path {
        GREET => peer::ok(),
        _ => peer::unimplemented(),
    })
    .await;
    let mut passing =
        GreetServiceClient::with_interceptor(direct(&peer), |mut request: Request<()>| {
            request.set_timeout(Duration::from_secs(60));
            Ok(request)
        });
    let answer: Response<GreetResponse> = passing.greet(GreetRequest::default()).await.unwrap();
    assert_eq!(answer.into_inner().greeting, "hello world");

    let mut refusing = GreetServiceClient::with_interceptor(direct(&peer), |_: Request<()>| {
        Err::<Request<()>, _>(Status::unauthenticated("no token"))
    });
    let status = refusing.greet(GreetRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(peer.greetings(), 1, "a refused call is not sent");
}

#[tokio::test]
async fn a_consumer_asks_for_gzip_and_gets_it() {
    let registry = MemoryRegistry::new();
    let _serving = announced(&registry, &Behaviour::default()).await;
    let mut client = client(&registry, ConsumerOptions::default())
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let name = "a".repeat(50_000);
    let answer = client
        .greet(GreetRequest { name: name.clone() })
        .await
        .unwrap();
    assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");
    assert_eq!(answer.into_inner().greeting, format!("hello {name}"));
}
