//! ZooKeeper dies under load and comes back with its data.

use std::collections::BTreeSet;
use std::time::Duration;

use interop::{Consumer, Language, Load, Provider, Report};
use test_servers::{Ephemerals, LONG, ZooKeeper, eventually};
use tokio::time::sleep;

const LOAD: Load = Load {
    concurrency: 4,
    interval: Duration::from_millis(10),
    count: None,
};

#[tokio::test]
async fn a_short_outage_costs_our_consumer_no_call() {
    outage(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn an_outage_longer_than_every_session_costs_our_consumer_no_call() {
    outage(Duration::from_secs(8)).await;
}

/// Two providers of one language, with a ZooKeeper of their own and a consumer of each language.
struct Cluster {
    zookeeper: ZooKeeper,
    providers: Vec<Provider>,
    consumers: Vec<Consumer>,
}

impl Cluster {
    async fn start(language: Language) -> Self {
        let zookeeper = ZooKeeper::start().await;
        let mut providers = Vec::new();
        for _ in 0..2 {
            providers.push(Provider::registered(language, &zookeeper, &[]).await);
        }
        let mut consumers = Vec::new();
        for language in Language::ALL {
            let consumer = Consumer::start(language, &zookeeper.address(), LOAD).await;
            consumer.wait_calls(100).await;
            consumers.push(consumer);
        }
        Self {
            zookeeper,
            providers,
            consumers,
        }
    }

    /// Brings ZooKeeper back, and returns once every provider is registered, once.
    async fn recover(&mut self) {
        self.zookeeper.restart().await;
        let nodes: Vec<String> = self.providers.iter().map(Provider::node).collect();
        let expected: BTreeSet<&str> = nodes.iter().map(String::as_str).collect();
        eventually(
            LONG,
            "every provider registered, once, by a living session",
            async || {
                let now = Ephemerals::of(&self.zookeeper).await?;
                if now.instances() == expected && nodes.iter().all(|node| now.is_held(node)) {
                    Ok(())
                } else {
                    Err(format!("{now:?}, expected {expected:?}"))
                }
            },
        )
        .await;
        for provider in &self.providers {
            provider.wait_called(100).await;
        }
    }

    /// Returns what our consumer and the dubbo-go one report.
    async fn end(self) -> [Report; 2] {
        let mut reports = Vec::new();
        for consumer in self.consumers {
            reports.push(consumer.end().await.0);
        }
        reports.try_into().expect("two consumers")
    }
}

async fn outage(length: Duration) {
    let mut ours = Cluster::start(Language::Rust).await;
    let mut theirs = Cluster::start(Language::Go).await;
    ours.zookeeper.kill();
    theirs.zookeeper.kill();
    sleep(length).await;
    ours.recover().await;
    theirs.recover().await;

    let [rust_to_rust, go_to_rust] = ours.end().await;
    let [rust_to_go, go_to_go] = theirs.end().await;
    assert_eq!(
        rust_to_rust.lost(),
        0,
        "our consumer, our providers: {rust_to_rust:?}"
    );
    assert_eq!(
        rust_to_go.lost(),
        0,
        "our consumer, dubbo-go's providers: {rust_to_go:?}"
    );
    // A dubbo-go consumer forgets its providers when its session is gone: that is its own.
    assert!(
        go_to_rust.lost() <= go_to_go.lost() + go_to_go.calls / 100,
        "a dubbo-go consumer should lose no more calls to our providers than to its own:\n{go_to_rust:?}\n{go_to_go:?}"
    );
}
