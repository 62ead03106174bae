//! Processes that come and go while others call.

use e2e::Program;
use test_servers::{LONG, ZooKeeper, eventually};

/// Returns how many calls a server has answered; none before it has a provider.
async fn answered(server: &Program) -> f64 {
    let scrape = server.scrape().await;
    scrape.sum("dubbo_provider_requests_total").unwrap_or(0.0)
}

fn server(zookeeper: &ZooKeeper) -> Program {
    Program::start(Program::server(&zookeeper.address()).args(["--push=false"]))
}

#[tokio::test]
async fn a_client_that_is_first_waits_for_its_provider_and_shares_calls_with_a_second() {
    let zookeeper = ZooKeeper::start().await;
    let client = Program::start(Program::client(&zookeeper.address()).args([
        "--push=false",
        "--interval",
        "5ms",
    ]));
    client.logged("no provider").await;
    assert_eq!(client.greetings(), 0);

    let first = server(&zookeeper);
    client.greeted(10).await;
    let second = server(&zookeeper);
    eventually(LONG, "the second server gets calls", async || {
        answered(&second).await >= 20.0
    })
    .await;
    let before = answered(&first).await;
    eventually(LONG, "the first server still gets calls", async || {
        answered(&first).await >= before + 20.0
    })
    .await;
}
