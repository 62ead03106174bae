//! Every provider of a mixed cluster is replaced in turn, under load from both consumers.

use std::time::Duration;

use interop::{Consumer, Language, Load, Provider};
use test_servers::ZooKeeper;

const LOAD: Load = Load {
    concurrency: 8,
    interval: Duration::from_millis(5),
    count: None,
};

#[tokio::test]
async fn replacing_every_provider_in_turn_fails_no_call() {
    let zookeeper = ZooKeeper::start().await;
    let mut providers = Vec::new();
    for language in [Language::Rust, Language::Go, Language::Rust, Language::Go] {
        providers.push(Provider::registered(language, &zookeeper, &[]).await);
    }
    let ours = Consumer::start(Language::Rust, &zookeeper.address(), LOAD).await;
    let theirs = Consumer::start(Language::Go, &zookeeper.address(), LOAD).await;
    ours.wait_calls(200).await;
    theirs.wait_calls(200).await;

    for provider in &mut providers {
        provider.leave().await;
        match provider.language() {
            // On the same port: a consumer must not take the successor for the one that said goodbye.
            Language::Rust | Language::Java => provider.start_again(),
            // dubbo-go's consumer ignores a dubbo-go provider on the same port for more than a minute.
            Language::Go => {
                *provider = Provider::start(Language::Go, &zookeeper.address(), &[]);
            }
        }
        provider.wait_registered(&zookeeper).await;
        provider.wait_called(100).await;
    }

    let (report, _) = ours.end().await;
    assert_eq!(report.lost(), 0, "our consumer: {report:?}");
    for provider in &providers {
        // Only the dubbo-go consumer is left to call.
        provider.wait_called(20).await;
    }
    let (report, _) = theirs.end().await;
    assert_eq!(report.lost(), 0, "the dubbo-go consumer: {report:?}");
}
