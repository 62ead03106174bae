//! What a process needs is not there yet: it waits, and says so.

use e2e::Program;
use test_servers::{LONG, ZooKeeper, eventually, get};

#[tokio::test]
async fn a_server_without_zookeeper_says_so_and_is_ready_once_it_is_there() {
    let mut zookeeper = ZooKeeper::start().await;
    zookeeper.kill();
    let server = Program::start(Program::server(&zookeeper.address()).args([
        "--push=false",
        "--probe-addr",
        "127.0.0.1:0",
    ]));
    let probes = server.probe_url().await;
    server.logged("Connection refused").await;
    let ready = get(&format!("{probes}/ready")).await.unwrap();
    assert_eq!(ready.status, 503);
    let missing = format!("waiting for ZooKeeper at {}", zookeeper.address());
    assert_eq!(ready.body, format!("probe ready: {missing}"));
    assert_eq!(get(&format!("{probes}/live")).await.unwrap().status, 200);
    // The process is up: a supervisor that restarts it would bring no ZooKeeper.
    assert_eq!(get(&format!("{probes}/startup")).await.unwrap().status, 200);
    zookeeper.restart().await;
    eventually(LONG, "/ready turns to 200", async || {
        get(&format!("{probes}/ready"))
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_client_is_ready_once_it_knows_a_provider() {
    let zookeeper = ZooKeeper::start().await;
    let client = Program::start(Program::client(&zookeeper.address()).args([
        "--push=false",
        "--probe-addr",
        "127.0.0.1:0",
    ]));
    let probes = client.probe_url().await;
    client.logged("no provider").await;
    let ready = get(&format!("{probes}/ready")).await.unwrap();
    assert_eq!(ready.status, 503);
    let missing = "waiting for a provider of greet.GreetService";
    assert_eq!(ready.body, format!("probe ready: {missing}"));
    assert_eq!(get(&format!("{probes}/startup")).await.unwrap().status, 200);
    let _server = Program::start(Program::server(&zookeeper.address()).arg("--push=false"));
    eventually(LONG, "/ready turns to 200", async || {
        get(&format!("{probes}/ready"))
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_is_named_in_the_log_and_by_the_probe() {
    let address = "zookeeper.invalid:2181";
    let server = Program::start(Program::server(address).args([
        "--push=false",
        "--probe-addr",
        "127.0.0.1:0",
    ]));
    let probes = server.probe_url().await;
    server.logged("the name cannot be resolved").await;
    let ready = get(&format!("{probes}/ready")).await.unwrap();
    assert_eq!(
        ready.body,
        format!("probe ready: waiting for ZooKeeper at {address}")
    );
}
