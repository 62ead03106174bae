//! Who may call, through every door of the port, and how many calls run at a time.
#![allow(clippy::unwrap_used)]

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dubbo_registry::{MetadataRequest, MetadataSource as _};
use greet::greet_service_client::GreetServiceClient;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use http::{Request, Version};
use metrics_core::{Config, Metrics};
use support::{Behaviour, channel, exchange, greet, http, post, provider, reference};
use test_servers::{LONG, eventually};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use triple::{
    Access, AccessRule, CallLimit, Consumer, ConsumerOptions, Provider, RpcMetadata, Runtime,
    Serving, Shape, Workers,
};

async fn serve(provider: Provider) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    provider.serve(listener, &Workers::here()).await.unwrap()
}

fn access(rules: &[&str]) -> Access {
    let rules: Vec<AccessRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Access::new(rules)
}

fn metrics() -> Metrics {
    Metrics::new(Config::default()).unwrap()
}

/// Returns the value of the line that begins with this and holds that.
fn value(metrics: &Metrics, family: &str, label: &str) -> Option<u64> {
    let text = metrics.text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{family}{{")) && line.contains(label))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Calls with tonic's own client, as this application and with these headers.
async fn called(serving: &Serving, headers: &[(&'static str, &str)]) -> Code {
    let mut request = tonic::Request::new(GreetRequest {
        name: "world".to_owned(),
    });
    for (name, text) in headers {
        request.metadata_mut().insert(*name, text.parse().unwrap());
    }
    let mut client = GreetServiceClient::new(channel(serving).await);
    match client.greet(request).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[tokio::test]
async fn a_caller_that_is_not_listed_gets_through_no_door() {
    let (metrics, behaviour) = (metrics(), Behaviour::default());
    let access = access(&["greet.GreetService=application:web"]).metrics(&metrics);
    let serving = serve(provider(&behaviour).metrics(&metrics).layer(access)).await;
    assert_eq!(
        called(&serving, &[("tri-consumer-appname", "web")]).await,
        Code::Ok
    );
    assert_eq!(behaviour.calls(), 1);

    for headers in [
        &[][..],
        &[("tri-consumer-appname", "other")],
        &[("tri-consumer-appname", "web2")],
        &[
            ("tri-consumer-appname", "other"),
            ("tri-service-group", "web"),
        ],
        &[("tri-service-version", "1.0.0")],
        &[("x-tri-consumer-appname", "web")],
    ] {
        assert_eq!(
            called(&serving, headers).await,
            Code::PermissionDenied,
            "{headers:?}"
        );
    }
    // JSON, Protobuf and gRPC-Web, over both versions of HTTP, and the method in either case.
    let mut refused = 6;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let json = post(&serving, version).body("{}".to_owned()).unwrap();
        assert_eq!(http(&serving, json).await.status(), 403, "{version:?}");
        for (path, kind, body) in [
            ("greet.GreetService/greet", "application/json", &b"{}"[..]),
            ("greet.GreetService/Greet", "application/proto", b""),
            (
                "greet.GreetService/Greet",
                "application/grpc-web",
                b"\0\0\0\0\0",
            ),
            (
                "greet.GreetService/Unknown",
                "application/grpc-web",
                b"\0\0\0\0\0",
            ),
        ] {
            let request = Request::post(format!("http://{}/{path}", serving.address()))
                .version(version)
                .header("host", "x")
                .header("content-type", kind)
                .header("te", "trailers")
                .body(http_body_util::Full::new(bytes::Bytes::from_static(body)))
                .unwrap();
            let answer = exchange(&serving, request).await;
            let web = String::from_utf8_lossy(answer.body()).contains("grpc-status: 7")
                || answer
                    .headers()
                    .get("grpc-status")
                    .is_some_and(|code| code == "7");
            assert!(
                answer.status() == 403 || web,
                "{version:?} {path} {kind}: {answer:?}"
            );
            refused += 1;
        }
        refused += 1;
    }
    assert_eq!(
        behaviour.calls(),
        1,
        "no other call has reached the handler"
    );
    let denied = value(&metrics, "dubbo_provider_access_denied_total", "");
    assert_eq!(denied, Some(refused));
}

#[tokio::test]
async fn a_path_that_is_written_otherwise_reaches_no_service_either() {
    let behaviour = Behaviour::default();
    let access = access(&["greet.GreetService=application:web"]);
    let serving = serve(provider(&behaviour).layer(access)).await;
    for path in [
        "//greet.GreetService/Greet",
        "/greet.GreetService//Greet",
        "/./greet.GreetService/Greet",
        "/x/../greet.GreetService/Greet",
        "/greet%2EGreetService/Greet",
        "/GREET.GreetService/Greet",
        "/greet.GreetService/Greet?x=/greet.Other/Greet",
        "/greet.GreetService/Greet/",
    ] {
        let request = Request::post(path)
            .header("host", "x")
            .header("content-type", "application/json")
            .body("{}".to_owned())
            .unwrap();
        let answer = http(&serving, request).await;
        assert!(!answer.status().is_success(), "{path}: {answer:?}");
    }
    assert_eq!(behaviour.calls(), 0);
}

/// Asks health, metadata and reflection, and returns their codes.
async fn companions(serving: &Serving) -> [Code; 3] {
    let code = |failed: Option<tonic::Status>| failed.map_or(Code::Ok, |status| status.code());
    let channel = channel(serving).await;
    let health = HealthClient::new(channel.clone())
        .check(HealthCheckRequest::default())
        .await
        .err();
    let metadata = RpcMetadata::default()
        .fetch(MetadataRequest {
            host: "127.0.0.1".to_owned(),
            port: serving.address().port(),
            application: "greeter".to_owned(),
            version: "2.0.0".to_owned(),
            revision: String::new(),
        })
        .await
        .err();
    let metadata = metadata.map(|error| *error.downcast::<tonic::Status>().unwrap());
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    );
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let asked = tonic::Request::new(tokio_stream::empty::<()>());
    let reflection = match grpc.streaming(asked, path, codec).await {
        Ok(answer) => answer.into_inner().message().await.err(),
        Err(status) => Some(status),
    };
    [code(health), code(metadata), code(reflection)]
}

#[tokio::test]
async fn reflection_is_behind_a_rule_for_all_and_the_others_where_they_are_named() {
    let behaviour = Behaviour::default();
    let denied = Code::PermissionDenied;
    let open = serve(provider(&behaviour)).await;
    // It is not announced, so it has no metadata yet.
    assert_eq!(
        companions(&open).await,
        [Code::Ok, Code::NotFound, Code::Ok]
    );
    let all = serve(provider(&behaviour).layer(access(&["application:web"]))).await;
    assert_eq!(companions(&all).await, [Code::Ok, Code::NotFound, denied]);
    let named = access(&[
        "grpc.health.v1.Health=application:web",
        "org.apache.dubbo.metadata.MetadataServiceV2=application:web",
        "grpc.reflection.v1.ServerReflection=application:web",
    ]);
    let named = serve(provider(&behaviour).layer(named)).await;
    assert_eq!(companions(&named).await, [denied; 3]);
    assert_eq!(
        called(&named, &[]).await,
        Code::Ok,
        "the service itself has no rule"
    );
    let without = serve(provider(&behaviour).reflection(false)).await;
    assert_eq!(companions(&without).await[2], Code::Unimplemented);
}

#[tokio::test]
async fn calls_beyond_the_limit_are_refused_at_once_and_counted_as_limit() {
    let metrics = metrics();
    let slow = Behaviour::taking(Duration::from_secs(3600));
    let limit = CallLimit::new(3);
    let serving = serve(provider(&slow).metrics(&metrics).layer(limit.clone())).await;
    let channel = channel(&serving).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let mut client = GreetServiceClient::new(channel.clone());
        running.spawn(async move { client.greet(GreetRequest::default()).await });
    }
    eventually(LONG, "three calls run", async || slow.calls() == 3).await;
    for _ in 0..5 {
        assert_eq!(called(&serving, &[]).await, Code::ResourceExhausted);
    }
    assert_eq!(slow.calls(), 3, "what is refused never reaches the handler");
    let errors = value(
        &metrics,
        "dubbo_provider_errors_total",
        "error_type=\"limit\"",
    );
    assert_eq!(errors, Some(5));
    assert_eq!(
        companions(&serving).await[0],
        Code::Ok,
        "it is not taken for gone"
    );
    // Callers that give up make room.
    running.shutdown().await;
    eventually(LONG, "room", async || limit.running() == 0).await;
}

/// A greeting that holds its thread until it may end.
#[derive(Clone, Debug, Default)]
struct Computing(Arc<AtomicBool>);

#[tonic::async_trait]
impl GreetService for Computing {
    async fn greet(
        &self,
        _: tonic::Request<GreetRequest>,
    ) -> Result<tonic::Response<GreetResponse>, tonic::Status> {
        while !self.0.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(tonic::Response::new(GreetResponse::default()))
    }
}

#[test]
fn calls_that_wait_for_a_thread_count_as_running() {
    let runtime = Runtime::with_workers(Shape::Adaptive, NonZeroUsize::new(2).unwrap()).unwrap();
    let (computing, limit) = (Computing::default(), CallLimit::new(10));
    runtime.block_on(async {
        let service = GreetServiceServer::new(computing.clone());
        let provider = Provider::new("greeter").layer(limit.clone());
        let provider = provider
            .service(service, greet::FILE_DESCRIPTOR_SET)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serving = provider.serve(listener, runtime.workers()).await.unwrap();
        let channel = channel(&serving).await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..30 {
            let mut client = GreetServiceClient::new(channel.clone());
            calls.spawn(async move { client.greet(GreetRequest::default()).await });
        }
        let full = async || limit.running() == 10;
        eventually(LONG, "as many calls as may run, on two threads", full).await;
        computing.0.store(true, Ordering::Relaxed);
        let called = calls.join_all().await;
        let answered = called.iter().filter(|called| called.is_ok()).count();
        assert!(answered >= 10, "{answered}");
        for status in called.iter().filter_map(|called| called.as_ref().err()) {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        }
        assert_eq!(limit.running(), 0);
    });
    runtime.shutdown();
}

#[tokio::test]
async fn a_call_counts_from_its_head_on_in_every_protocol() {
    let metrics = metrics();
    let behaviour = Behaviour::default();
    let limit = CallLimit::new(2);
    let serving = serve(provider(&behaviour).metrics(&metrics).layer(limit.clone())).await;
    for kind in ["json", "proto", "grpc-web", "grpc-web-text"] {
        let head = format!(
            "POST /greet.GreetService/Greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/{kind}\r\ncontent-length: 8\r\n\r\n"
        );
        let mut halves = Vec::new();
        for running in 1..=2 {
            let mut stream = TcpStream::connect(serving.address()).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let counted = async || limit.running() == running;
            eventually(LONG, &format!("{running} halves of {kind} run"), counted).await;
            halves.push(stream);
        }
        assert_eq!(called(&serving, &[]).await, Code::ResourceExhausted);
        let request = post(&serving, Version::HTTP_11);
        let answer = http(&serving, request.body("{}".to_owned()).unwrap()).await;
        assert_eq!(answer.status(), 429, "{kind}: {answer:?}");
        // Callers that give up make room, and are counted as such.
        drop(halves);
        let room = async || limit.running() == 0;
        eventually(LONG, &format!("room after {kind}"), room).await;
    }
    assert_eq!(behaviour.calls(), 0);
    let refused = value(&metrics, "dubbo_provider_errors_total", "\"limit\"");
    assert_eq!(refused, Some(8));
    assert_eq!(called(&serving, &[]).await, Code::Ok);
}

#[tokio::test]
async fn answered_calls_make_room() {
    let behaviour = Behaviour::default();
    let limit = CallLimit::new(1);
    let serving = serve(provider(&behaviour).layer(limit.clone())).await;
    for _ in 0..20 {
        assert_eq!(called(&serving, &[]).await, Code::Ok);
        eventually(LONG, "room", async || limit.running() == 0).await;
    }
}

#[tokio::test]
async fn a_consumer_that_is_refused_comes_back_when_there_is_room() {
    let behaviour = Behaviour::taking(Duration::from_millis(30));
    let serving = serve(provider(&behaviour).layer(CallLimit::new(1))).await;
    let address = serving.address().to_string();
    let options = ConsumerOptions::default().retries(6);
    let consumer = Consumer::direct(&address, &reference(), &Workers::here(), options).unwrap();
    let client = GreetServiceClient::new(consumer);
    let calls = [(); 3].map(|()| greet(&client));
    let [one, two, three] = calls;
    let (one, two, three) = tokio::join!(one, two, three);
    for answer in [one, two, three] {
        assert_eq!(answer.unwrap(), "hello world");
    }
    assert_eq!(behaviour.calls(), 3);
}
