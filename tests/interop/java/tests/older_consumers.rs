//! Interface-level registration: consumers that know nothing of instances find our provider, and ours finds such providers.

use std::time::Duration;

use interop::{Consumer, Language, Link, Load, Provider};
use test_servers::ZooKeeper;

const LOAD: Load = Load {
    concurrency: 2,
    interval: Duration::ZERO,
    count: Some(100),
};

#[tokio::test]
async fn a_java_consumer_of_interfaces_finds_our_providers() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let quiet = "--error-rate=0";
    // The first is what a server does that is told nothing.
    let start = |options: &[&str]| {
        Provider::start_on(
            link.address(),
            Language::Rust,
            &zookeeper.address(),
            options,
        )
    };
    let mut both = start(&[quiet]);
    let interface = start(&[quiet, "--register-mode=interface"]);
    both.wait_registered(&zookeeper).await;
    let options = ["--migration-step=FORCE_INTERFACE"];
    let load = Load {
        count: Some(400),
        ..LOAD
    };
    let address = zookeeper.address();
    let consumer = Consumer::start_with(Language::Java, &address, load, &options).await;
    let (report, _) = consumer.end().await;
    assert_eq!((report.calls, report.lost()), (400, 0), "{report:?}");
    for provider in [both, interface] {
        let calls = provider.counts().await.unwrap().total;
        assert!(calls > 40, "{} had {calls} of 400", provider.node());
    }
}

#[tokio::test]
async fn our_consumer_finds_a_java_provider_of_interfaces() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let options = ["--register-mode=interface"];
    let address = zookeeper.address();
    let provider = Provider::start_on(link.address(), Language::Java, &address, &options);
    let consumer = Consumer::start(
        Language::Rust,
        &address,
        Load {
            count: None,
            ..LOAD
        },
    )
    .await;
    provider.wait_called(100).await;
    let (report, _) = consumer.end().await;
    // It waits for its first provider.
    assert!(report.succeeded >= 100, "{report:?}");
}
