//! The suites of others: gRPC's interoperability tests in both directions, Connect's conformance suite in both, and h2spec.
#![allow(clippy::unwrap_used)]
#![expect(clippy::print_stdout, reason = "says what each suite counted")]

use std::time::Duration;

use conformance::{interop, output, serve, tool};
use dubbo_registry::Reference;
use triple::{Consumer, ConsumerOptions, Workers};

const LONG: Duration = Duration::from_secs(120);

/// The cases of grpc-go's client for a server without TLS and authentication.
const CLIENT_CASES: [&str; 14] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_of_grpc_gos_client_passes_on_the_provider() {
    let serving = serve().await;
    let host = format!("--server_host={}", serving.address().ip());
    let port = format!("--server_port={}", serving.address().port());
    for case in CLIENT_CASES {
        let case = format!("--test_case={case}");
        let (passed, text) = output(&tool("client"), &[&case, &host, &port], LONG).await;
        assert!(passed, "{case}:\n{text}");
    }
    println!(
        "grpc-go interop client: {} of {0} cases",
        CLIENT_CASES.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_passes_with_the_consumer_on_grpc_gos_server() {
    let port = test_servers::free_port();
    let mut server = tokio::process::Command::new(tool("server"))
        .arg(format!("--port={port}"))
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let address = format!("127.0.0.1:{port}");
    let reference = Reference::new("grpc.testing.TestService").unwrap();
    for case in interop::CASES {
        let options = ConsumerOptions::default();
        let consumer = Consumer::direct(&address, &reference, &Workers::here(), options).unwrap();
        // The server may still be starting: the consumer connects as soon as it can.
        tokio::time::timeout(LONG, consumer.ready()).await.unwrap();
        let case_run = interop::run(case, consumer);
        let ended = tokio::time::timeout(LONG, case_run).await;
        assert!(ended.is_ok(), "{case} takes longer than {LONG:?}");
    }
    server.kill().await.unwrap();
    println!(
        "grpc-go interop server: {} of {0} cases",
        interop::CASES.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_passes_between_consumer_and_provider() {
    let serving = serve().await;
    let address = serving.address().to_string();
    let reference = Reference::new("grpc.testing.TestService").unwrap();
    for case in interop::CASES.into_iter().chain([interop::COMPRESSED]) {
        let options = ConsumerOptions::default();
        let consumer = Consumer::direct(&address, &reference, &Workers::here(), options).unwrap();
        let ended = tokio::time::timeout(LONG, interop::run(case, consumer)).await;
        assert!(ended.is_ok(), "{case} takes longer than {LONG:?}");
    }
}

/// Runs Connect's suite, and returns what it wrote.
async fn connect(mode: &str, configuration: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/connect");
    let configuration = format!("{folder}/{configuration}");
    let program = env!("CARGO_BIN_EXE_conformance");
    let mut arguments = vec!["--mode", mode, "--conf", &configuration];
    let failing = format!("@{folder}/known-failing-{mode}.txt");
    if std::path::Path::new(&failing[1..]).exists() {
        arguments.extend(["--known-failing", &failing]);
    }
    arguments.extend(["--", program, mode]);
    let (passed, text) = output(&tool("connectconformance"), &arguments, LONG * 3).await;
    assert!(passed, "{mode}:\n{text}");
    text
}

/// Returns the lines that count the cases.
fn summary(text: &str) -> String {
    let counts = ["Total cases", "passed, ", "known failures"];
    let lines = text
        .lines()
        .filter(|line| counts.iter().any(|count| line.contains(count)));
    lines.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn connects_suite_passes_on_the_provider() {
    let text = connect("server", "server.yaml").await;
    println!("connectconformance, server mode: {}", summary(&text));
}

#[tokio::test]
async fn connects_suite_passes_with_the_consumer() {
    let text = connect("client", "client.yaml").await;
    println!("connectconformance, client mode: {}", summary(&text));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2spec_passes_on_the_provider() {
    let serving = serve().await;
    let port = serving.address().port().to_string();
    let arguments = ["--host", "127.0.0.1", "--port", &port, "--timeout", "5"];
    let (_, text) = output(&tool("h2spec"), &arguments, LONG).await;
    let tally = text
        .lines()
        .rfind(|line| line.contains("tests, "))
        .unwrap_or_default();
    println!("h2spec: {tally}");
    // The port answers HTTP/1.1 as well, and so answers an invalid preface in HTTP/1.1.
    assert!(
        tally.contains("145 tests") || tally.contains("146 tests"),
        "{text}"
    );
    let failed: Vec<&str> = text.lines().filter(|line| line.contains('×')).collect();
    let known = |line: &&str| !line.contains("invalid connection preface");
    assert_eq!(
        failed.into_iter().filter(known).collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "{text}"
    );
}
