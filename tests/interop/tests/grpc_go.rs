//! Our consumer calls plain grpc-go servers, which end connections at an age, and those that are pinged too often.

use std::process::Command;

use e2e::{Program, Summary};
use interop::{GrpcProvider, grpc_peer};
use test_servers::LONG;

/// Calls the provider with these options, and returns what the client says at its end.
async fn called(provider: &GrpcProvider, options: &[&str]) -> Summary {
    let mut command = Program::command("client");
    command
        .arg(format!("--direct=tri://{}", provider.address()))
        .args(["--metrics=false", "--push=false"])
        .args(options);
    summary(&command).await
}

async fn summary(command: &Command) -> Summary {
    let mut client = Program::start(command);
    let code = client.wait(LONG).await;
    assert_eq!(code, 0, "{}", client.stderr());
    Summary::read(&client.stdout()).unwrap_or_else(|| panic!("{}", client.stdout()))
}

/// A hundred calls a second for some seconds, of which none may be lost, against a server that renews its connections.
async fn renewed(provider: &[&str], client: &[&str]) {
    let provider = GrpcProvider::start(provider).await;
    let load = ["--concurrency=10", "--interval=100ms", "--count=600"];
    let summary = called(&provider, &[&load, client].concat()).await;
    assert_eq!(summary.succeeded, 600, "{}", summary.line);
    let report = provider.end().await;
    assert_eq!(report.calls, 600, "no call is run twice");
    assert!(report.connections > 5, "{report:?}");
}

#[tokio::test]
async fn connections_that_the_server_renews_cost_no_call() {
    for runtime in ["adaptive", "work-stealing"] {
        for retries in ["0", "2"] {
            let client = ["--runtime", runtime, "--retries", retries];
            renewed(&["-max-connection-age=500ms"], &client).await;
        }
    }
}

#[tokio::test]
async fn connections_that_are_renewed_under_a_limit_of_streams_cost_no_call() {
    let limited = &[
        "-max-connection-age=500ms",
        "-max-concurrent-streams=3",
        "-delay=20ms",
    ];
    renewed(limited, &["--retries=0"]).await;
}

#[tokio::test]
async fn connections_without_a_health_service_that_are_renewed_cost_no_call() {
    let unwatched = &["-max-connection-age=500ms", "-health=false"];
    renewed(unwatched, &["--retries=0"]).await;
}

#[tokio::test]
async fn a_call_that_is_under_way_ends_on_the_old_connection() {
    let options = ["-max-connection-age=200ms", "-delay=1s"];
    let provider = GrpcProvider::start(&options).await;
    let load = [
        "--concurrency=20",
        "--interval=0s",
        "--count=60",
        "--retries=0",
    ];
    let summary = called(&provider, &load).await;
    assert_eq!(summary.succeeded, 60, "{}", summary.line);
    assert_eq!(provider.end().await.calls, 60);
}

#[tokio::test]
async fn late_answers_are_timeouts_and_end_no_connection() {
    let provider = GrpcProvider::start(&["-delay=60ms"]).await;
    let load = ["--concurrency=100", "--interval=0s", "--count=5000"];
    let late = ["--timeout=50ms", "--retries=0", ONE];
    let summary = called(&provider, &[&load[..], &late].concat()).await;
    assert_eq!(
        summary.kinds.get("timeout"),
        Some(&5000),
        "{}",
        summary.line
    );
    assert_eq!(provider.end().await.connections, 1);
}

/// One connection, however many cores there are.
const ONE: &str = "--max-connections=1";

/// Sends pings as soon as they may be needed: 100 ms of silence.
const EAGER: [&str; 3] = ["--keepalive-interval=100ms", "--retries=0", ONE];

/// grpc-go's default ends a connection after some pings that are less than five minutes apart.
async fn kept(provider: &[&str], client: &[&str], calls: u64) {
    let provider = GrpcProvider::start(provider).await;
    let summary = called(&provider, &[&EAGER, client].concat()).await;
    assert_eq!(summary.succeeded, calls, "{}", summary.line);
    let report = provider.end().await;
    assert_eq!(report.connections, 1, "a connection was ended: {report:?}");
}

#[tokio::test]
async fn the_default_enforcement_keeps_an_idle_connection() {
    kept(&[], &["--interval=2s", "--count=4"], 4).await;
}

#[tokio::test]
async fn the_default_enforcement_keeps_the_connection_of_a_call_that_waits_for_long() {
    kept(&["-delay=8s"], &["--timeout=30s", "--count=1"], 1).await;
}

#[tokio::test]
async fn the_default_enforcement_keeps_a_busy_connection() {
    let load = ["--concurrency=3", "--interval=50ms", "--count=60"];
    kept(&["-delay=250ms"], &load, 60).await;
}

#[tokio::test]
async fn a_grpc_go_consumer_loses_no_call_when_connections_are_renewed() {
    let provider = GrpcProvider::start(&["-max-connection-age=500ms"]).await;
    let mut command = Command::new(grpc_peer());
    command.args([
        "consumer",
        "-concurrency=10",
        "-interval=50ms",
        "-count=300",
    ]);
    command.arg(format!("-addresses={}", provider.address()));
    let output = command.output().expect("the peer can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(r#""succeeded":300"#), "{text}");
}
