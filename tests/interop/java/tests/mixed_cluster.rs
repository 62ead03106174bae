//! Java, dubbo-go and our own providers side by side: replaced in turn, killed, and with ZooKeeper away, under load from our consumer
//! and a Java one.

use std::time::Duration;

use interop::{Consumer, Language, Link, Load, Provider, Report};
use test_servers::ZooKeeper;
use tokio::time::sleep;

const LOAD: Load = Load {
    concurrency: 4,
    interval: Duration::from_millis(10),
    count: None,
};

struct Cluster {
    providers: Vec<Provider>,
    consumers: [Consumer; 2],
    zookeeper: ZooKeeper,
    link: Link,
}

impl Cluster {
    async fn start(languages: &[Language]) -> Self {
        let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
        let address = zookeeper.address();
        let start = |language: &Language| {
            let quiet = ["--error-rate=0"];
            Provider::start_on(link.address(), *language, &address, &quiet)
        };
        let mut providers: Vec<_> = languages.iter().map(start).collect();
        for provider in &mut providers {
            provider.wait_registered(&zookeeper).await;
        }
        let ours = Consumer::start(Language::Rust, &address, LOAD).await;
        let theirs = Consumer::start(Language::Java, &address, LOAD).await;
        ours.wait_calls(100).await;
        theirs.wait_calls(100).await;
        Self {
            providers,
            consumers: [ours, theirs],
            zookeeper,
            link,
        }
    }

    /// Ends both consumers, and returns what the Java one reports: ours must not have lost a call.
    async fn end(self) -> Report {
        let [ours, theirs] = self.consumers;
        let (report, _) = ours.end().await;
        assert_eq!(report.lost(), 0, "our consumer: {report:?}");
        theirs.end().await.0
    }
}

/// Replaces every provider in turn.
async fn replace(cluster: &mut Cluster) {
    for provider in &mut cluster.providers {
        provider.leave().await;
        match provider.language() {
            Language::Rust | Language::Java => provider.start_again(),
            Language::Go => {
                let address = cluster.zookeeper.address();
                let host = cluster.link.address();
                *provider = Provider::start_on(host, Language::Go, &address, &[]);
            }
        }
        provider.wait_registered(&cluster.zookeeper).await;
        provider.wait_called(20).await;
    }
}

#[tokio::test]
async fn replacing_every_provider_in_turn_costs_our_consumer_no_call() {
    let mut cluster = Cluster::start(&[Language::Rust, Language::Java, Language::Go]).await;
    replace(&mut cluster).await;
    let theirs = cluster.end().await;
    // A Java provider that leaves answers a few calls with CANCELLED or UNIMPLEMENTED, which Java does not try again.
    assert!(
        theirs.lost() <= theirs.calls / 50,
        "the Java consumer: {theirs:?}"
    );
}

#[tokio::test]
async fn replacing_our_providers_in_turn_costs_a_java_consumer_no_call() {
    let mut cluster = Cluster::start(&[Language::Rust, Language::Rust]).await;
    replace(&mut cluster).await;
    let theirs = cluster.end().await;
    assert_eq!(theirs.lost(), 0, "the Java consumer: {theirs:?}");
}

#[tokio::test]
async fn a_killed_provider_and_an_outage_of_zookeeper_cost_our_consumer_no_call() {
    let mut cluster = Cluster::start(&[Language::Rust, Language::Java, Language::Rust]).await;
    for number in [0, 1] {
        let provider = &mut cluster.providers[number];
        provider.process().kill();
        provider.start_again();
        provider.wait_registered(&cluster.zookeeper).await;
        provider.wait_called(20).await;
    }
    cluster.zookeeper.kill();
    // Longer than every session.
    sleep(Duration::from_secs(15)).await;
    cluster.zookeeper.restart().await;
    for provider in &mut cluster.providers {
        provider.wait_registered(&cluster.zookeeper).await;
        provider.wait_called(20).await;
    }
    let theirs = cluster.end().await;
    // Those that were on their way to a killed process, and its own way with an empty list.
    assert!(
        theirs.lost() <= theirs.calls / 20,
        "the Java consumer: {theirs:?}"
    );
}
