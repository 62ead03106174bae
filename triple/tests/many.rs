//! Many providers of one interface, on a real ZooKeeper.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use dubbo_registry::{Registry, ZooKeeperConfig, ZooKeeperRegistry};
use support::{Behaviour, client, greet, reference, serve};
use test_servers::{ZooKeeper, eventually};
use triple::{ConsumerOptions, RpcMetadata};

const PROVIDERS: usize = 500;
const CALLERS: usize = 16;
const CALLS: usize = 5_000;

fn join(zookeeper: &ZooKeeper) -> ZooKeeperRegistry {
    let config = ZooKeeperConfig::new(zookeeper.address());
    ZooKeeperRegistry::connect(config, Arc::new(()), Arc::new(RpcMetadata::default())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_spread_evenly_over_five_hundred_providers_that_register_at_once() {
    let zookeeper = ZooKeeper::start().await;
    let (theirs, ours) = (join(&zookeeper), join(&zookeeper));
    let mut listed = ours.subscribe(reference());
    let client = client(
        &ours,
        ConsumerOptions::default()
            // One consumer alone is to call all of them.
            .subset(0),
    );

    let behaviours: Vec<_> = (0..PROVIDERS).map(|_| Behaviour::default()).collect();
    let mut servings = Vec::new();
    for behaviour in &behaviours {
        let mut serving = serve(behaviour).await;
        serving.announce(&theirs, "127.0.0.1").unwrap();
        servings.push(serving);
    }
    while listed.providers().len() < PROVIDERS {
        listed.changed().await.unwrap();
    }
    eventually(
        Duration::from_secs(120),
        "every provider is connected and called",
        async || {
            for _ in 0..PROVIDERS {
                greet(&client).await.unwrap();
            }
            behaviours.iter().all(|behaviour| behaviour.calls() > 0)
        },
    )
    .await;

    let before: Vec<_> = behaviours.iter().map(Behaviour::calls).collect();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..CALLS / CALLERS {
                    greet(&client).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }

    let expected = CALLS as f64 / PROVIDERS as f64;
    let chi_square: f64 = behaviours
        .iter()
        .zip(before)
        .map(|(behaviour, before)| (behaviour.calls() - before) as f64 - expected)
        .map(|surplus| surplus * surplus / expected)
        .sum();
    // 499 degrees of freedom: an even spread exceeds 665 once in a million runs.
    assert!(chi_square < 665.0, "chi-square {chi_square}");
}
