//! Each side calls the other's providers, two of one application on different ports.

use std::time::Duration;

use interop::{Consumer, Counts, Language, Link, Load, Provider};
use test_servers::{LONG, ZooKeeper, eventually};

const CALLS: u64 = 600;

const LOAD: Load = Load {
    concurrency: 4,
    interval: Duration::ZERO,
    count: Some(CALLS),
};

const ERRORS: [&str; 1] = ["--error-rate=0.1"];

/// Two providers of one application on one host.
async fn pair(link: &Link, language: Language, zookeeper: &ZooKeeper) -> [Provider; 2] {
    let host = link.address();
    let start = || Provider::start_on(host, language, &zookeeper.address(), &ERRORS);
    let mut providers = [start(), start()];
    for provider in &mut providers {
        provider.wait_registered(zookeeper).await;
    }
    providers
}

/// Waits until the providers have counted this many calls, and asserts that each has had its share.
async fn shared(providers: &[Provider; 2], calls: u64) -> Counts {
    let counts = eventually(LONG, "providers that counted every call", async || {
        let mut counts = Vec::new();
        for provider in providers {
            counts.push(provider.counts().await?);
        }
        if Counts::sum(counts.iter().copied()).total == calls {
            Ok(counts)
        } else {
            Err(format!("{counts:?}, {calls} calls"))
        }
    })
    .await;
    for (provider, counts) in providers.iter().zip(&counts) {
        assert!(
            counts.total > calls / 5,
            "{} had {} of {calls} calls, one of two",
            provider.node(),
            counts.total
        );
    }
    Counts::sum(counts)
}

#[tokio::test]
async fn a_java_consumer_calls_both_of_our_providers() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let providers = pair(&link, Language::Rust, &zookeeper).await;
    let consumer = Consumer::start(Language::Java, &zookeeper.address(), LOAD).await;
    consumer.wait_calls(1).await;
    let log = consumer.log();
    let errors: Vec<_> = log
        .lines()
        .filter(|line| line.contains(" ERROR "))
        // Java logs each business error.
        .filter(|line| !line.contains("AsyncRpcResult") && !line.contains("RpcExceptionFilter"))
        .collect();
    assert_eq!(errors, [""; 0], "its start is free of errors");
    let (report, consumed) = consumer.end().await;
    assert_eq!((report.calls, report.lost()), (CALLS, 0), "{report:?}");
    assert!(report.business() > 0, "a tenth of the calls should fail");
    assert_eq!(consumed.total, CALLS, "no call is made twice");
    let provided = shared(&providers, CALLS).await;
    assert_eq!(provided.business, report.business(), "and ours knows them");
}

#[tokio::test]
async fn our_consumer_calls_both_java_providers() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let providers = pair(&link, Language::Java, &zookeeper).await;
    let consumer = Consumer::start(Language::Rust, &zookeeper.address(), LOAD).await;
    let (report, consumed) = consumer.end().await;
    assert_eq!(report.calls, CALLS);
    assert_eq!(consumed.total, CALLS);
    let failed = report.calls - report.succeeded;
    let random = report.errors.iter();
    let random: u64 = random
        .filter(|(text, _)| text.contains("random error"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(failed, random, "only the handler's errors: {report:?}");
    // What the handler answered is an answer, and no call is made twice for it.
    let provided = shared(&providers, CALLS).await;
    assert_eq!(provided.failed, failed);
    assert!(failed.abs_diff(CALLS / 10) <= 2, "{failed} of {CALLS}");
}
