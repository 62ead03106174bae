//! Providers that were started moments ago, ours and Java's, get the calls that Dubbo's formula gives them, from consumers of both.
//!
//! A warm-up of ten hours makes the weight 1 of 100 for the first six minutes, however long a test takes.

use std::time::Duration;

use interop::{Consumer, Language, Link, Load, Provider};
use test_servers::{LONG, ZooKeeper, eventually};

const CALLS: u64 = 600;

const LOAD: Load = Load {
    concurrency: 4,
    interval: Duration::ZERO,
    count: Some(CALLS),
};

async fn start(
    link: &Link,
    zookeeper: &ZooKeeper,
    providers: &[(Language, &str)],
) -> Vec<Provider> {
    let start = |(language, warmup): &(Language, &str)| {
        let options = ["--error-rate=0", "--delay=1ms", warmup];
        Provider::start_on(link.address(), *language, &zookeeper.address(), &options)
    };
    let mut started: Vec<_> = providers.iter().map(start).collect();
    for provider in &mut started {
        provider.wait_registered(zookeeper).await;
    }
    started
}

async fn totals(providers: &[Provider]) -> Result<Vec<u64>, String> {
    let mut totals = Vec::new();
    for provider in providers {
        totals.push(provider.counts().await?.total);
    }
    Ok(totals)
}

/// Runs a consumer that chooses at random, and returns how many of its calls each provider has had.
async fn shares(language: Language, providers: &[Provider], zookeeper: &ZooKeeper) -> Vec<u64> {
    let before = eventually(LONG, "all providers count", async || {
        totals(providers).await
    })
    .await;
    let options = ["--loadbalance=random"];
    let consumer = Consumer::start_with(language, &zookeeper.address(), LOAD, &options).await;
    let (report, _) = consumer.end().await;
    assert_eq!((report.calls, report.lost()), (CALLS, 0), "{report:?}");
    eventually(LONG, "every call is counted", async || {
        let after = totals(providers).await?;
        let shares: Vec<_> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
        if shares.iter().sum::<u64>() == CALLS {
            Ok(shares)
        } else {
            Err(format!("{shares:?}"))
        }
    })
    .await
}

#[tokio::test]
async fn providers_that_warm_up_together_share_the_calls() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let cold = [
        (Language::Rust, "--warmup=10h"),
        (Language::Java, "--warmup=36000000ms"),
    ];
    let providers = start(&link, &zookeeper, &cold).await;
    for language in [Language::Java, Language::Rust] {
        let shares = shares(language, &providers, &zookeeper).await;
        let fair = shares.iter().all(|share| *share > CALLS / 3);
        assert!(fair, "{language:?} gives ours and Java's {shares:?}");
    }
}

#[tokio::test]
async fn providers_that_are_warm_get_nearly_all_calls() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let mixed = [
        (Language::Rust, "--warmup=0s"),
        (Language::Java, "--warmup=0ms"),
        (Language::Rust, "--warmup=10h"),
        (Language::Java, "--warmup=36000000ms"),
    ];
    let providers = start(&link, &zookeeper, &mixed).await;
    for language in [Language::Java, Language::Rust] {
        let shares = shares(language, &providers, &zookeeper).await;
        let text = format!("{language:?} gives the warm ones, then the cold ones {shares:?}");
        assert!(shares[..2].iter().all(|share| *share > CALLS / 3), "{text}");
        assert!(
            shares[2..].iter().all(|share| *share < CALLS / 10),
            "{text}"
        );
    }
}
