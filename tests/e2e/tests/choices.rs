//! What can be chosen: another runtime, no registry, no metrics, a gateway that asks who is there.

use std::fs;

use e2e::Program;
use test_servers::{Folder, LONG, Pushgateway, ZooKeeper, eventually, free_port, get};

#[tokio::test]
async fn every_runtime_and_every_load_balance_make_all_calls() {
    let zookeeper = ZooKeeper::start().await;
    let servers = ["adaptive", "work-stealing", "per-core"].map(|runtime| {
        Program::start(Program::server(&zookeeper.address()).args([
            "--push=false",
            "--runtime",
            runtime,
        ]))
    });
    for server in &servers {
        server.logged("registered").await;
    }
    for (runtime, loadbalance) in [
        ("work-stealing", "p2c"),
        ("per-core", "p2c"),
        ("adaptive", "random"),
        ("work-stealing", "roundrobin"),
        ("per-core", "leastactive"),
    ] {
        let mut client = Program::start(Program::client(&zookeeper.address()).args([
            "--push=false",
            "--runtime",
            runtime,
            "--loadbalance",
            loadbalance,
            "--connections",
            "2",
            "--count",
            "200",
            "--concurrency",
            "4",
            "--interval",
            "0s",
        ]));
        assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
        let summary = client.summary();
        assert_eq!(
            summary.succeeded, 200,
            "{runtime} {loadbalance}: {}",
            summary.line
        );
    }
    for server in &servers {
        let answered = server
            .scrape()
            .await
            .value("dubbo_provider_requests_succeed_total");
        assert!(answered > 0.0, "each server gets a share");
    }
}

#[tokio::test]
async fn a_client_that_is_told_whom_to_call_needs_no_registry() {
    let zookeeper = ZooKeeper::start().await;
    let server = Program::start(Program::server(&zookeeper.address()).arg("--push=false"));
    let direct = format!("tri://{}", server.provider_address().await);
    let mut client = Program::start(
        // Nothing listens on the port of this registry.
        Program::client("127.0.0.1:1").args(["--push=false", "--count", "5", "--direct", &direct]),
    );
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    assert_eq!(client.summary().succeeded, 5, "{}", client.summary().line);
    assert!(
        !client.stderr().contains("ZooKeeper"),
        "{}",
        client.stderr()
    );
}

#[tokio::test]
async fn without_metrics_nothing_is_served_or_pushed() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let port = free_port();
    let metrics_addr = format!("127.0.0.1:{port}");
    let _server = Program::start(Program::server(&zookeeper.address()).args([
        "--metrics=false",
        "--push=false",
        "--metrics-addr",
        &metrics_addr,
    ]));
    let mut client = Program::start(Program::client(&zookeeper.address()).args([
        "--metrics=false",
        "--pushgateway-url",
        &gateway.address(),
        "--count",
        "5",
    ]));
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    assert_eq!(client.summary().succeeded, 5, "{}", client.summary().line);
    assert!(
        get(&format!("http://{metrics_addr}/prometheus"))
            .await
            .is_err()
    );
    assert_eq!(gateway.requests("put", 200).await, 0);
    assert_eq!(gateway.requests("delete", 202).await, 0);
}

#[tokio::test]
async fn the_page_is_served_and_links_to_the_probes_unless_it_is_turned_off() {
    let zookeeper = ZooKeeper::start().await;
    let page = async |server: &Program| {
        let url = server.metrics_url().await.replace("/prometheus", "/");
        server.logged("registered").await;
        get(&url).await.expect("an answer")
    };
    let command = |option: &str| {
        let mut command = Program::server(&zookeeper.address());
        command.args(["--push=false", "--probe-addr", "127.0.0.1:0", option]);
        command
    };
    let server = Program::start(command("--no-page=false").env("NO_PAGE", "true"));
    let answer = page(&server).await;
    assert_eq!(answer.status, 200, "the option wins over the environment");
    let probes = server.probe_url().await.replace("http://", "");
    assert!(answer.body.contains(&probes), "{probes}");
    for server in [
        Program::start(&command("--no-page")),
        Program::start(command("--quiet").env("NO_PAGE", "yes")),
    ] {
        assert_eq!(page(&server).await.status, 404);
        assert!(
            server
                .scrape()
                .await
                .sum("dubbo_provider_requests_total")
                .is_some()
        );
    }
}

/// bcrypt of `1234`, made by libxcrypt with the lowest cost.
const HASH: &str = "$2b$04$AicLlQDYmY/kLcMiGVrgwOt8KIVc2tdxL./7ZK.JB8bPHrfUTSbnq";

#[tokio::test]
async fn a_gateway_that_asks_for_a_login_gets_the_one_that_was_set() {
    let folder = Folder::new("e2e");
    let config = folder.path().join("web.yml");
    fs::write(&config, format!("basic_auth_users:\n  username: {HASH}\n")).unwrap();
    let gateway =
        Pushgateway::start_with(&[&format!("--web.config.file={}", config.display())]).await;
    let zookeeper = ZooKeeper::start().await;
    let _server = Program::start(Program::server(&zookeeper.address()).arg("--push=false"));
    let client = |password: &str| {
        let mut command = Program::client(&zookeeper.address());
        command
            .env("PUSHGATEWAY_USER", "username")
            .env("PUSHGATEWAY_PASS", password)
            .args(["--pushgateway-url", &gateway.address()]);
        Program::start(&command)
    };

    let mut refused = client("wrong-secret");
    let warning = refused.logged("WARN").await;
    assert!(warning.contains("401"), "{warning}");
    refused.greeted(5).await;
    refused.stop().await;
    assert!(
        !refused.stderr().contains("wrong-secret"),
        "{}",
        refused.stderr()
    );

    let mut accepted = client("1234");
    accepted.greeted(5).await;
    let url = format!("http://username:1234@{}/metrics", gateway.address());
    eventually(LONG, "the group is there", async || {
        let output = std::process::Command::new("curl")
            .args(["-s", "--noproxy", "*", &url])
            .output();
        String::from_utf8_lossy(&output.unwrap().stdout).contains("dubbo_consumer_requests_total{")
    })
    .await;
    accepted.stop().await;
    let log = accepted.stderr();
    assert!(log.contains("deleted the group"), "{log}");
    assert!(!log.contains("1234@") && !log.contains("WARN"), "{log}");
}
