//! ZooKeeper or the Pushgateway is away, or refuses: calls go on, and somebody is told.
#![expect(clippy::unwrap_used, reason = "these helpers run in tests only")]

use e2e::{LONG, Program};
use test_servers::{Pushgateway, ZooKeeper, eventually, free_port, get};

const PASSWORD: &str = "open-sesame-4711";

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
    server.logged("ZooKeeper").await;
    assert_eq!(get(&format!("{probes}/ready")).await.unwrap().status, 503);
    assert_eq!(get(&format!("{probes}/live")).await.unwrap().status, 200);
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
    assert_eq!(get(&format!("{probes}/ready")).await.unwrap().status, 503);
    let _server = Program::start(Program::server(&zookeeper.address()).arg("--push=false"));
    eventually(LONG, "/ready turns to 200", async || {
        get(&format!("{probes}/ready"))
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

/// Pushes to `gateway` while calls are made, and returns what the client said.
async fn pushed(zookeeper: &ZooKeeper, gateway: &str) -> Program {
    let _server = Program::start(Program::server(&zookeeper.address()).arg("--push=false"));
    let mut client = Program::start(
        Program::client(&zookeeper.address())
            .env("PUSHGATEWAY_USER", "user")
            .env("PUSHGATEWAY_PASS", PASSWORD)
            .args(["--pushgateway-url", gateway, "--push-interval", "100ms"])
            .env("RUST_LOG", "info"),
    );
    client.greeted(60).await;
    client.stop().await;
    assert_eq!(client.summary().failed, 0, "{}", client.summary().line);
    for output in [client.stdout(), client.stderr()] {
        assert!(
            !output.contains(PASSWORD),
            "a password is printed:\n{output}"
        );
    }
    client
}

fn push_warnings(client: &Program) -> Vec<String> {
    let log = client.stderr();
    log.lines()
        .filter(|line| line.contains("WARN") && line.contains("push"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn an_absent_pushgateway_costs_no_call_and_is_reported_once() {
    let zookeeper = ZooKeeper::start().await;
    let client = pushed(&zookeeper, &format!("127.0.0.1:{}", free_port())).await;
    let warnings = push_warnings(&client);
    // The pushes in the course, and the deletion at the stop.
    assert!((1..=2).contains(&warnings.len()), "{warnings:#?}");
}

#[tokio::test]
async fn a_pushgateway_that_refuses_costs_no_call_and_is_reported_once() {
    let zookeeper = ZooKeeper::start().await;
    for status in [401, 500] {
        let gateway = refusing(status).await;
        let client = pushed(&zookeeper, &gateway).await;
        let warnings = push_warnings(&client);
        assert!((1..=2).contains(&warnings.len()), "{status}: {warnings:#?}");
        assert!(
            warnings[0].contains(&status.to_string()),
            "{status}: {warnings:#?}"
        );
    }
}

/// Serves a gateway's address, and answers whatever comes with this status.
async fn refusing(status: u16) -> String {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let (mut length, mut line) = (0, String::new());
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                let _ = stream.read_exact(&mut body).await;
                let answer = format!(
                    "HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn pushing_recovers_by_itself_and_counts_what_failed() {
    let zookeeper = ZooKeeper::start().await;
    let mut gateway = Pushgateway::start().await;
    gateway.kill();
    let client = Program::start(Program::client(&zookeeper.address()).args([
        "--pushgateway-url",
        &gateway.address(),
        "--push-interval",
        "200ms",
    ]));
    client.logged("WARN").await;
    gateway.restart().await;
    eventually(
        LONG,
        "the failures are counted in what arrives",
        async || {
            let samples = gateway.samples().await;
            samples.iter().any(|sample| {
                sample.name() == "dubbo_push_requests_total"
                    && sample.label("result") != "ok"
                    && sample.label("result") != "success"
                    && sample.value > 0.0
            })
        },
    )
    .await;
}
