//! Consumers of both languages find and call providers of both, and all agree on what happened.

use std::collections::BTreeMap;
use std::time::Duration;

use interop::{Consumer, Counts, Language, Load, Provider};
use test_servers::{LONG, ZooKeeper, eventually};

const CALLS: u64 = 1000;

const LOAD: Load = Load {
    concurrency: 4,
    interval: Duration::ZERO,
    count: Some(CALLS),
};

#[tokio::test]
async fn a_dubbo_go_consumer_calls_our_provider() {
    one_of_each(Language::Go, Language::Rust).await;
}

#[tokio::test]
async fn our_consumer_calls_a_dubbo_go_provider() {
    let business = one_of_each(Language::Rust, Language::Go).await;
    assert_eq!(business, CALLS / 10, "the peer's error rate is exact");
}

/// Returns how many business errors both sides have seen.
async fn one_of_each(consumer: Language, provider: Language) -> u64 {
    let zookeeper = ZooKeeper::start().await;
    let provider = Provider::registered(provider, &zookeeper, &["--error-rate=0.1"]).await;
    let consumer = Consumer::start(consumer, &zookeeper.address(), LOAD).await;

    let (report, consumed) = consumer.end().await;
    assert_eq!(report.calls, CALLS);
    assert_eq!(report.lost(), 0, "{report:?}");
    assert!(report.business() > 0, "a tenth of the calls should fail");
    assert_eq!(
        consumed,
        Counts {
            total: CALLS,
            succeeded: report.succeeded,
            failed: report.business(),
            business: report.business(),
        },
        "the consumer's metrics should say what it saw"
    );
    agree(&[provider], consumed).await;
    report.business()
}

#[tokio::test]
async fn both_consumers_use_every_provider_of_a_mixed_cluster() {
    let zookeeper = ZooKeeper::start().await;
    let mut providers = Vec::new();
    for language in [Language::Rust, Language::Go, Language::Rust, Language::Go] {
        // A dubbo-go provider does not say when it was started, and so does not warm up.
        let options: &[&str] = match language {
            Language::Rust => &["--error-rate=0.1", "--warmup=0s"],
            _ => &["--error-rate=0.1"],
        };
        providers.push(Provider::registered(language, &zookeeper, options).await);
    }

    let mut consumed = Vec::new();
    for language in Language::ALL {
        let before = counts(&providers).await;
        let consumer = Consumer::start(language, &zookeeper.address(), LOAD).await;
        let (report, counted) = consumer.end().await;
        assert_eq!(report.lost(), 0, "{language:?}: {report:?}");
        assert_eq!(
            counted.total, CALLS,
            "{language:?}: no business error is tried again"
        );
        consumed.push(counted);
        agree(&providers, Counts::sum(consumed.iter().copied())).await;
        for (node, now) in counts(&providers).await {
            let calls = now.total - before[&node].total;
            assert!(
                calls > CALLS / 20,
                "{language:?} made {calls} of {CALLS} calls to {node}, one of four"
            );
        }
    }
}

#[tokio::test]
async fn a_dubbo_go_consumers_deadline_ends_its_calls_on_our_provider() {
    const LATE: u64 = 12;
    let zookeeper = ZooKeeper::start().await;
    let provider = Provider::registered(
        Language::Rust,
        &zookeeper,
        &["--delay=60s", "--error-rate=0"],
    )
    .await;
    let load = Load {
        count: Some(LATE),
        ..LOAD
    };
    let impatient = ["--timeout=100ms", "--retries=0"];
    let consumer = Consumer::start_with(Language::Go, &zookeeper.address(), load, &impatient).await;

    let (report, _) = consumer.end().await;
    assert_eq!(report.failed, BTreeMap::from([("4".to_owned(), LATE)]));
    let all_failed = Counts {
        total: LATE,
        succeeded: 0,
        failed: LATE,
        business: 0,
    };
    agree(&[provider], all_failed).await;
}

async fn counts(providers: &[Provider]) -> BTreeMap<String, Counts> {
    let mut counts = BTreeMap::new();
    for provider in providers {
        counts.insert(
            provider.node(),
            provider.counts().await.expect("it answers"),
        );
    }
    counts
}

/// dubbo-go counts a call a little after its answer.
async fn agree(providers: &[Provider], consumed: Counts) {
    eventually(
        LONG,
        "providers that counted what the consumers counted",
        async || {
            let provided = counts(providers).await;
            if Counts::sum(provided.values().copied()) == consumed {
                Ok(())
            } else {
                Err(format!("provided {provided:?}, consumed {consumed:?}"))
            }
        },
    )
    .await;
}
