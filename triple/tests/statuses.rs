//! What callers of each kind read when a call fails: code, message, details, and that it ran once.
#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use dubbo_registry::MemoryRegistry;
use http::{HeaderMap, Response, Version};
use metrics_core::{Config, Metrics, OutcomeKind, Side};
use support::{Behaviour, announced, client, greet, provider, serve};
use tokio::net::TcpListener;
use tonic::{Code, Status};
use triple::{BUSINESS_CODE, ConsumerOptions, Serving, Workers, business_error, wire_code};

/// What Dubbo Java 3.3.6 sends with each call.
const JAVA: &[(&str, &str)] = &[
    ("content-type", "application/grpc+proto"),
    ("te", "trailers"),
    ("tri-consumer-appname", "java-client"),
    ("grpc-accept-encoding", "gzip,snappy"),
    ("timeout", "2000"),
];

/// What grpc-go sends.
const GRPC_GO: &[(&str, &str)] = &[
    ("content-type", "application/grpc"),
    ("te", "trailers"),
    ("user-agent", "grpc-go/1.79.0"),
];

/// Calls a path with an empty message.
async fn call(serving: &Serving, path: &str, headers: &[(&str, &str)]) -> Response<String> {
    let mut request = http::Request::post(format!("http://{}{path}", serving.address()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.version(Version::HTTP_2);
    support::http(serving, request.body("\0".repeat(5)).unwrap()).await
}

/// Returns the code in the header, and whether there are details.
fn status(headers: &HeaderMap) -> (&str, bool) {
    (
        headers["grpc-status"].to_str().unwrap(),
        headers.contains_key("grpc-status-details-bin"),
    )
}

const GREET: &str = "/greet.GreetService/Greet";

#[tokio::test]
async fn a_business_error_is_17_for_all_but_java() {
    let serving = serve(&Behaviour::failing(|| business_error("random error"))).await;
    for (headers, expected) in [(GRPC_GO, ("17", true)), (JAVA, ("2", false))] {
        let answer = call(&serving, GREET, headers).await;
        assert_eq!(status(answer.headers()), expected);
        assert_eq!(answer.headers()["grpc-message"], "random%20error");
    }
}

#[tokio::test]
async fn details_of_any_kind_agree_with_the_header() {
    let serving = serve(&Behaviour::failing(|| {
        // A google.rpc.Status with code 5.
        Status::with_details(Code::Aborted, "no", Bytes::from_static(&[8, 5]))
    }))
    .await;
    for headers in [GRPC_GO, JAVA] {
        let answer = call(&serving, GREET, headers).await;
        assert_eq!(status(answer.headers()), ("10", true));
        let code = &answer.headers()["grpc-status-details-bin"];
        assert_eq!(code, "CAUICg", "8, 5, 8, 10: the last one counts");
    }
}

#[tokio::test]
async fn a_long_message_is_cut_and_its_call_runs_once() {
    let errors: [(fn() -> Status, i32); 2] = [
        (|| business_error("世".repeat(20_000)), BUSINESS_CODE),
        (|| Status::not_found("x".repeat(100_000)), 5),
    ];
    for (error, code) in errors {
        let behaviour = Behaviour::failing(error);
        let registry = MemoryRegistry::new();
        let _serving = announced(&registry, &behaviour).await;
        let client = client(&registry, ConsumerOptions::default());
        let status = greet(&client).await.unwrap_err();
        assert_eq!(wire_code(&status), code);
        assert!(error().message().starts_with(status.message()));
        assert!(status.message().len() > 1000, "{status}");
        assert_eq!(behaviour.calls(), 1);
    }
}

#[tokio::test]
async fn a_method_is_found_and_counted_whatever_the_case_of_its_first_letter() {
    let metrics = Metrics::new(Config::default()).unwrap();
    let behaviour = Behaviour::failing(|| business_error("no"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = provider(&behaviour)
        .metrics(&metrics)
        .serve(listener, &Workers::here())
        .await
        .unwrap();
    for (path, code) in [
        (GREET, "17"),
        ("/greet.GreetService/greet", "17"),
        ("/greet.GreetService/gREET", "12"),
    ] {
        let answer = call(&serving, path, GRPC_GO).await;
        assert_eq!(status(answer.headers()).0, code, "{path}");
    }
    let java = call(&serving, "/greet.GreetService/greet", JAVA).await;
    assert_eq!(status(java.headers()).0, "2");
    let counted: Vec<_> = metrics
        .figures(Side::Provider)
        .iter()
        .map(|figures| {
            let outcomes = &figures.outcomes;
            (
                figures.key.method.to_string(),
                outcomes.of(OutcomeKind::Business),
                outcomes.total(),
            )
        })
        .collect();
    let expected = [("Greet".to_owned(), 3, 3), ("unknown".to_owned(), 0, 1)];
    assert_eq!(counted, expected);
}
