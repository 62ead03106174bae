//! Server and client in pull mode: Prometheus finds them through ZooKeeper.

use std::collections::BTreeSet;

use e2e::Program;
use test_servers::{LONG, Prometheus, Pushgateway, ZooKeeper, eventually, prometheus_pull};

async fn healthy(prometheus: &Prometheus) -> BTreeSet<String> {
    prometheus
        .targets()
        .await
        .into_iter()
        .filter(|target| target.labels.get("job").is_some_and(|job| job == "dubbo"))
        .filter(|target| target.health == "up")
        .map(|target| {
            target
                .labels
                .get("application")
                .cloned()
                .unwrap_or_default()
        })
        .collect()
}

#[tokio::test]
async fn prometheus_finds_both_processes_and_loses_them_when_they_stop() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let prometheus =
        Prometheus::start(&prometheus_pull(&zookeeper.address(), &gateway.address())).await;
    let pull = |mut command: std::process::Command| {
        command.args(["--push=false"]);
        command.env("PUSHGATEWAY_URL", gateway.address());
        command
    };
    let mut server = Program::start(&pull(Program::server(&zookeeper.address())));
    let mut client = Program::start(&pull(Program::client(&zookeeper.address())));
    client.greeted(5).await;
    assert!(
        client
            .scrape()
            .await
            .value("dubbo_consumer_requests_succeed_total")
            >= 5.0
    );
    assert!(
        server
            .scrape()
            .await
            .value("dubbo_provider_requests_succeed_total")
            >= 5.0
    );

    eventually(LONG, "both processes are up", async || {
        let seen = healthy(&prometheus).await;
        (seen
            == ["dubbo-rust-client", "dubbo-rust-server"]
                .map(String::from)
                .into())
        .then_some(())
        .ok_or(seen)
    })
    .await;
    for side in ["consumer", "provider"] {
        let query = format!("sum(dubbo_{side}_requests_succeed_total) > 0");
        eventually(LONG, &query, async || {
            prometheus.query(&query).await.first().cloned()
        })
        .await;
    }

    client.stop().await;
    server.stop().await;
    eventually(LONG, "no target is left", async || {
        let targets = prometheus.targets().await;
        let left: Vec<_> = targets
            .into_iter()
            .filter(|target| target.labels.get("job").is_some_and(|job| job == "dubbo"))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    for (method, code) in [("put", 200), ("post", 200), ("delete", 202)] {
        let count = gateway.requests(method, code).await;
        assert_eq!(count, 0, "{method} in pull mode");
    }
}
