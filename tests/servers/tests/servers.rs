//! Each server starts, answers, restarts on the same port, and is gone when it is dropped.

use std::time::Duration;

use test_servers::{LONG, Prometheus, Pushgateway, ZooKeeper, eventually, get, post};
use tokio::net::TcpStream;

#[tokio::test]
async fn zookeeper_keeps_its_data_over_a_restart_and_loses_it_when_told_to() {
    let mut zookeeper = ZooKeeper::start().await;
    let address = zookeeper.address();
    assert_eq!(zookeeper.ask("ruok").await.unwrap(), "imok");
    let zxid = |srvr: String| {
        srvr.lines()
            .find(|line| line.starts_with("Zxid"))
            .map(str::to_owned)
    };

    // A session writes to the transaction log, which moves the Zxid; 44 bytes of the oldest protocol open one.
    let mut connect = vec![0, 0, 0, 44];
    connect.extend([0; 12]);
    connect.extend([0, 0, 0x75, 0x30]);
    connect.extend([0; 8]);
    connect.extend([0, 0, 0, 16]);
    connect.extend([0; 16]);
    let session = TcpStream::connect(&address).await.unwrap();
    session.writable().await.unwrap();
    session.try_write(&connect).unwrap();
    let after = eventually(LONG, "a first transaction", async || {
        zxid(zookeeper.ask("srvr").await?)
            .filter(|zxid| zxid != "Zxid: 0x0")
            .ok_or(String::from("Zxid: 0x0"))
    })
    .await;

    zookeeper.kill();
    TcpStream::connect(&address)
        .await
        .expect_err("nobody listens");
    zookeeper.restart().await;
    assert_eq!(zookeeper.address(), address);
    assert_eq!(
        zxid(zookeeper.ask("srvr").await.unwrap()),
        Some(after),
        "the data is still there"
    );

    zookeeper.restart_empty().await;
    assert_eq!(zookeeper.address(), address);
    assert_eq!(
        zxid(zookeeper.ask("srvr").await.unwrap()).as_deref(),
        Some("Zxid: 0x0")
    );

    drop(zookeeper);
    TcpStream::connect(&address).await.expect_err("it is gone");
}

#[tokio::test]
async fn a_stopped_zookeeper_is_silent_until_it_goes_on() {
    let mut zookeeper = ZooKeeper::start().await;
    zookeeper.stop_process();
    tokio::time::timeout(Duration::from_millis(300), zookeeper.ask("ruok"))
        .await
        .expect_err("no answer");
    zookeeper.continue_process();
    assert_eq!(zookeeper.ask("ruok").await.unwrap(), "imok");
}

#[tokio::test]
async fn pushgateway_shows_groups_and_counts_requests() {
    let mut gateway = Pushgateway::start().await;
    assert_eq!(gateway.requests("POST", 200).await, 0);
    let group = format!("{}/metrics/job/night/instance/one", gateway.url());
    assert_eq!(
        post(&group, "text/plain", "answer 42\n")
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(
        post(&group, "text/plain", "broken\n").await.unwrap().status,
        400
    );
    assert_eq!(gateway.requests("POST", 200).await, 1);
    assert_eq!(gateway.requests("POST", 400).await, 1);
    let groups = gateway.groups().await;
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0]["job"], "night");
    assert_eq!(groups[0]["instance"], "one");
    let answer = gateway
        .samples()
        .await
        .into_iter()
        .find(|sample| sample.name() == "answer");
    assert_eq!(answer.map(|sample| sample.value), Some(42.0));

    let address = gateway.address();
    gateway.restart().await;
    assert_eq!(gateway.address(), address);
    assert!(
        gateway.groups().await.is_empty(),
        "it holds nothing after a restart"
    );
    drop(gateway);
    get(&format!("http://{address}/-/ready"))
        .await
        .expect_err("it is gone");
}

#[tokio::test]
async fn prometheus_scrapes_answers_and_keeps_its_data() {
    let gateway = Pushgateway::start().await;
    let config = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs:\n\
         - job_name: gateway\n  static_configs: [{{targets: ['{}']}}]\n",
        gateway.address()
    );
    let mut prometheus = Prometheus::start(&config).await;
    eventually(LONG, "an up target", async || {
        let targets = prometheus.targets().await;
        if targets
            .iter()
            .any(|target| target.health == "up" && target.labels["job"] == "gateway")
        {
            Ok(())
        } else {
            Err(targets)
        }
    })
    .await;
    let up = prometheus.query("up{job=\"gateway\"}").await;
    assert_eq!(up.len(), 1, "{up:?}");
    assert_eq!(up[0].value, 1.0);
    assert_eq!(up[0].label("instance"), gateway.address());
    assert_eq!(prometheus.query("1 + 1").await[0].value, 2.0);
    let refused = prometheus.try_query("sum(").await.unwrap_err();
    assert!(refused.contains("parse error"), "{refused}");

    let url = prometheus.url();
    prometheus.restart().await;
    assert_eq!(prometheus.url(), url);
    assert!(
        !prometheus
            .query("last_over_time(up{job=\"gateway\"}[1h])")
            .await
            .is_empty(),
        "what it scraped before is still there"
    );
    drop(prometheus);
    get(&format!("{url}/-/ready"))
        .await
        .expect_err("it is gone");
}
