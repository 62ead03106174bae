//! Streams through a consumer: no timeout of unary calls cuts them, silence opens none twice, a caller's deadline ends them.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::{MemoryRegistry, Reference};
use greet::greet_service_client::GreetServiceClient;
use greet::{GreetRequest, GreetResponse};
use http::uri::PathAndQuery;
use support::peer::{self, GREET, Peer};
use support::{Behaviour, announced, greet, reference};
use tokio::time::{Instant, timeout};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use triple::{Consumer, ConsumerOptions, MethodOptions, MethodTable, Serving, Workers};

/// The descriptors of a service with a method of each kind, as a generated crate would have them.
const HEALTH: &[u8] = tonic_health::pb::FILE_DESCRIPTOR_SET;

const HEALTH_SERVICE: &str = "grpc.health.v1.Health";

/// A timeout that each stream here outlives.
const SHORT: Duration = Duration::from_millis(200);

fn options(methods: MethodTable) -> ConsumerOptions {
    ConsumerOptions::default().timeout(SHORT).methods(methods)
}

/// Makes a client whose provider's health stream says one thing and then nothing.
fn health(serving: &Serving, methods: MethodTable) -> HealthClient<Consumer> {
    // Health is asked for without a group or a version, whatever the interface.
    let reference = Reference::new(HEALTH_SERVICE).unwrap();
    let address = serving.address().to_string();
    let consumer = Consumer::direct(&address, &reference, &Workers::here(), options(methods));
    HealthClient::new(consumer.unwrap())
}

fn described() -> MethodTable {
    MethodTable::described(HEALTH_SERVICE, HEALTH).unwrap()
}

#[tokio::test]
async fn a_silent_stream_goes_on_beyond_the_timeout_of_unary_calls() {
    for methods in [described(), MethodTable::default()] {
        let serving = support::serve(&Behaviour::default()).await;
        let mut client = health(&serving, methods);
        let watch = client.watch(HealthCheckRequest::default()).await.unwrap();
        let mut watch = watch.into_inner();
        watch.message().await.unwrap().expect("the first message");
        let more = timeout(SHORT * 5, watch.message()).await;
        assert!(more.is_err(), "the stream is silent and open: {more:?}");
    }
}

/// Tables by which a greeting is a stream, or may be one.
fn of_streams() -> [MethodTable; 2] {
    let streaming = MethodOptions::default().streaming(true);
    [
        MethodTable::default().with("Greet", streaming),
        MethodTable::default(),
    ]
}

type GreetCodec = tonic_prost::ProstCodec<GreetRequest, GreetResponse>;

/// Makes a client that calls any kind of method, where a generated one knows of one kind.
async fn raw(address: &str, options: ConsumerOptions) -> tonic::client::Grpc<Consumer> {
    let consumer = Consumer::direct(address, &reference(), &Workers::here(), options);
    let mut client = tonic::client::Grpc::new(consumer.unwrap());
    client.ready().await.unwrap();
    client
}

#[tokio::test]
async fn a_head_is_not_held_back_and_silence_after_it_opens_no_stream_again() {
    for methods in of_streams() {
        let peer = Peer::start(|path| match path {
            GREET => peer::silent(),
            _ => peer::unimplemented(),
        })
        .await;
        let mut client = raw(&peer.address, options(methods)).await;
        let path = PathAndQuery::from_static(GREET);
        let request = Request::new(GreetRequest::default());
        let answer = client.server_streaming(request, path, GreetCodec::default());
        let mut stream = answer
            .await
            .expect("the head comes before any message")
            .into_inner();
        let more = timeout(SHORT * 5, stream.message()).await;
        assert!(more.is_err(), "the stream is open: {more:?}");
        assert_eq!(peer.greetings(), 1, "it was opened once");
    }
}

#[tokio::test]
async fn the_callers_deadline_ends_a_stream() {
    for methods in [described(), MethodTable::default()] {
        let serving = support::serve(&Behaviour::default()).await;
        let mut client = health(&serving, methods);
        let mut request = Request::new(HealthCheckRequest::default());
        request.set_timeout(SHORT * 2);
        let begun = Instant::now();
        let mut watch = client.watch(request).await.unwrap().into_inner();
        watch.message().await.unwrap().expect("the first message");
        let end = watch.message().await.unwrap_err();
        assert_eq!(end.code(), Code::DeadlineExceeded, "{end}");
        assert!(begun.elapsed() >= SHORT * 2, "not by the shorter timeout");
    }
}

#[tokio::test]
async fn a_callers_stream_may_take_longer_than_the_timeout() {
    for methods in of_streams() {
        // Answers when the caller's stream has ended.
        let peer = Peer::start(|path| match path {
            GREET => peer::ok(),
            _ => peer::unimplemented(),
        })
        .await;
        let (sender, requests) = tokio::sync::mpsc::channel(1);
        let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
        let mut client = raw(&peer.address, options(methods)).await;
        let path = PathAndQuery::from_static(GREET);
        let call = client.client_streaming(Request::new(requests), path, GreetCodec::default());
        let sending = async {
            for _ in 0..3 {
                sender.send(GreetRequest::default()).await.unwrap();
                tokio::time::sleep(SHORT * 2).await;
            }
            drop(sender);
        };
        let (answer, ()) = tokio::join!(call, sending);
        assert_eq!(answer.unwrap().into_inner().greeting, "hello world");
        assert_eq!(peer.greetings(), 1, "it was opened once");
    }
}

#[tokio::test]
async fn a_callers_stream_that_has_ended_is_answered_within_the_timeout() {
    // Takes the call and answers nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut calls = Vec::new();
                while let Some(Ok((request, mut answer))) = connection.accept().await {
                    if request.uri().path() == GREET {
                        calls.push((request, answer));
                    } else {
                        let mut head = http::Response::new(());
                        let code = http::HeaderValue::from_static("12");
                        head.headers_mut().insert("grpc-status", code);
                        answer.send_response(head, true).unwrap();
                    }
                }
            }));
        }
    });
    let options = options(MethodTable::default()).retries(0);
    let mut client = raw(&address, options).await;
    let requests = tokio_stream::iter([GreetRequest::default()]);
    let path = PathAndQuery::from_static(GREET);
    let call = client.client_streaming(Request::new(requests), path, GreetCodec::default());
    let error = timeout(test_servers::LONG, call)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
}

/// Greets with this `grpc-timeout`.
async fn greet_within(client: &support::Client, header: &'static str) -> Result<(), Status> {
    let mut request = Request::new(GreetRequest::default());
    let header = tonic::metadata::MetadataValue::from_static(header);
    request.metadata_mut().insert("grpc-timeout", header);
    client.clone().greet(request).await.map(drop)
}

#[tokio::test]
async fn a_callers_deadline_that_is_over_calls_no_provider_and_an_enormous_one_is_kept() {
    let methods = MethodTable::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET).unwrap();
    for methods in [methods, MethodTable::default()] {
        let behaviour = Behaviour::default();
        let serving = support::serve(&behaviour).await;
        let address = serving.address().to_string();
        let consumer =
            Consumer::direct(&address, &reference(), &Workers::here(), options(methods)).unwrap();
        let client = GreetServiceClient::new(consumer);
        for header in ["0n", "0S", "00000000H"] {
            let error = greet_within(&client, header).await.unwrap_err();
            assert_eq!(error.code(), Code::DeadlineExceeded, "{header}: {error}");
        }
        assert_eq!(behaviour.calls(), 0);
        for header in ["99999999H", "99999999M", "00000009S"] {
            greet_within(&client, header).await.expect(header);
        }
        assert_eq!(behaviour.calls(), 3);
    }
}

#[tokio::test]
async fn the_callers_deadline_lengthens_the_timeout_of_a_unary_call() {
    let methods = MethodTable::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET).unwrap();
    for methods in [methods, MethodTable::default()] {
        let slow = Behaviour::taking(SHORT * 2);
        let serving = support::serve(&slow).await;
        let address = serving.address().to_string();
        let consumer =
            Consumer::direct(&address, &reference(), &Workers::here(), options(methods)).unwrap();
        let mut client = GreetServiceClient::new(consumer);
        let mut request = Request::new(GreetRequest::default());
        request.set_timeout(Duration::from_secs(60));
        client
            .greet(request)
            .await
            .expect("the caller waits for longer");
        assert_eq!(slow.calls(), 1);
    }
}

#[tokio::test]
async fn a_timeout_without_an_end_waits_and_does_not_panic() {
    let slow = Behaviour::taking(SHORT);
    let serving = support::serve(&slow).await;
    let options = ConsumerOptions::default().timeout(Duration::MAX);
    let address = serving.address().to_string();
    let consumer = Consumer::direct(&address, &reference(), &Workers::here(), options).unwrap();
    greet(&GreetServiceClient::new(consumer)).await.unwrap();
}

/// Makes a client of two providers with these options of the greeting method.
async fn two(method: MethodOptions, bad: &Behaviour) -> (support::Client, Vec<Serving>) {
    let registry = MemoryRegistry::new();
    let servings = vec![
        announced(&registry, bad).await,
        announced(&registry, bad).await,
    ];
    let methods = MethodTable::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET)
        .unwrap()
        .with("Greet", method);
    (support::client(&registry, options(methods)), servings)
}

#[tokio::test]
async fn a_methods_own_options_take_the_place_of_the_consumers() {
    let never = Behaviour::failing(|| Status::unavailable("not now"));
    let options = MethodOptions::default().retries(0);
    let (client, _servings) = two(options, &never).await;
    assert_eq!(greet(&client).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(never.calls(), 1, "no retry");

    let lost = Behaviour::failing(|| Status::unknown("lost"));
    let options = MethodOptions::default().retry_on(vec![Code::Unknown]);
    let (client, _servings) = two(options, &lost).await;
    assert_eq!(greet(&client).await.unwrap_err().code(), Code::Unknown);
    assert_eq!(lost.calls(), 3, "UNKNOWN is a reason here");

    let slow = Behaviour::taking(SHORT * 2);
    let options = MethodOptions::default().timeout(SHORT * 50);
    let (client, _servings) = two(options, &slow).await;
    greet(&client).await.expect("this method has more time");
}
