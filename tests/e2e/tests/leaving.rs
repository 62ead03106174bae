//! How processes leave: signals, a closed pipe, a count that is reached.

use std::time::Duration;

use e2e::Program;
use test_servers::{LONG, Pushgateway, ZooKeeper, eventually, get, wrapped};
use tokio::time::Instant;

#[tokio::test]
async fn ctrl_c_is_as_good_as_sigterm() {
    let zookeeper = ZooKeeper::start().await;
    let mut server = Program::start(Program::server(&zookeeper.address()).arg("--push=false"));
    let mut client = Program::start(Program::client(&zookeeper.address()).arg("--push=false"));
    client.greeted(3).await;
    client.interrupt();
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    assert_eq!(client.summary().failed, 0, "{}", client.summary().line);
    server.interrupt();
    assert_eq!(server.wait(LONG).await, 0, "{}", server.stderr());
}

#[tokio::test]
async fn a_stopping_server_is_not_ready_and_finishes_calls_in_flight() {
    let zookeeper = ZooKeeper::start().await;
    let mut server = Program::start(Program::server(&zookeeper.address()).args([
        "--push=false",
        "--delay",
        "2s",
        "--probe-addr",
        "127.0.0.1:0",
    ]));
    let mut client = Program::start(Program::client(&zookeeper.address()).args([
        "--push=false",
        "--count",
        "4",
        "--concurrency",
        "4",
        "--timeout",
        "30s",
        "--retries",
        "0",
    ]));
    eventually(LONG, "four calls are in flight", async || {
        let scrape = server.scrape().await;
        scrape.sum("dubbo_provider_requests_processing_total") == Some(4.0)
    })
    .await;
    let probes = server.probe_url().await;
    server.terminate();
    eventually(LONG, "/ready turns to 503", async || {
        let answer = get(&format!("{probes}/ready")).await;
        answer.is_ok_and(|answer| answer.status == 503)
    })
    .await;
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    assert_eq!(client.summary().succeeded, 4, "{}", client.summary().line);
    assert_eq!(server.wait(LONG).await, 0, "{}", server.stderr());
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let zookeeper = ZooKeeper::start().await;
    let mut server = Program::start(Program::server(&zookeeper.address()).args([
        "--push=false",
        "--stop-wait",
        "1h",
    ]));
    server.logged("registered").await;
    server.terminate();
    server.logged("SIGTERM: stopping").await;
    server.terminate();
    assert_eq!(server.wait(LONG).await, 0, "{}", server.stderr());
}

#[tokio::test]
async fn a_reader_who_leaves_ends_the_client_quietly_and_in_order() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let _server = Program::start(Program::server(&zookeeper.address()).arg("--push=false"));
    let mut command = Program::client(&zookeeper.address());
    command.args(["--pushgateway-url", &gateway.address()]);
    // As `client | head -c 1` does.
    let script = "exec \"$@\" > >(exec head -c 1)";
    let mut client = Program::start(&wrapped(&["bash", "-c", script, "bash"], &command));
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    assert_eq!(client.stdout(), "G", "there was a greeting");
    let log = client.stderr();
    assert!(
        !log.contains("panicked") && !log.contains("error: "),
        "{log}"
    );
    assert!(gateway.groups().await.is_empty(), "the group is deleted");
}

/// Kubernetes' default, which the manifests keep.
const GRACE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_process_leaves_within_half_a_minute_whatever_hangs() {
    let (mut zookeeper, mut gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let mut command = Program::server(&zookeeper.address());
    command.args(["--pushgateway-url", &gateway.address(), "--delay", "10m"]);
    let mut server = Program::start(&command);
    server.logged("registered").await;
    let address = server.provider_address().await;
    let mut client = Program::start(Program::client(&zookeeper.address()).args([
        "--push=false",
        "--timeout",
        "10m",
        "--direct",
        &format!("tri://{address}"),
    ]));
    client.logged("calls begin").await;
    zookeeper.stop_process();
    gateway.stop_process();
    let asked = Instant::now();
    server.terminate();
    client.terminate();
    assert_eq!(server.wait(LONG).await, 0, "{}", server.stderr());
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
}
