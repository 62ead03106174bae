//! Triple over TLS with Dubbo for Java (`SslConfig`), which shows and asks for certificates on both sides.

use std::time::Duration;

use interop::{Consumer, Language, Link, Load, Provider};
use test_servers::{Authority, ZooKeeper};

const CALLS: u64 = 100;

const LOAD: Load = Load {
    concurrency: 2,
    interval: Duration::ZERO,
    count: Some(CALLS),
};

/// Lets a consumer call a provider that asks for certificates, by an option of its own.
async fn called(consumer: Language, provider: Language, authority_option: &str) {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let host = link.address();
    let authority = Authority::new();
    let file = authority.file();
    let file = file.display();
    let shown = |name: &str, hosts: &[&str]| {
        let shown = authority.issue(name, hosts);
        [
            format!("--tls-cert={}", shown.cert.display()),
            format!("--tls-key={}", shown.key.display()),
        ]
    };
    let [cert, key] = shown("provider", &[host]);
    let asked = format!("{authority_option}={file}");
    let options = [cert.as_str(), &key, &asked, "--error-rate=0"];
    let provider = Provider::registered_on(host, provider, &zookeeper, &options).await;
    let [cert, key] = shown("consumer", &[]);
    let trusted = format!("--tls-ca={file}");
    let options = [cert.as_str(), &key, &trusted];
    let consumer = Consumer::start_with(consumer, &zookeeper.address(), LOAD, &options).await;
    let (report, _) = consumer.end().await;
    assert_eq!((report.calls, report.lost()), (CALLS, 0), "{report:?}");
    drop(provider);
}

#[tokio::test]
async fn a_java_consumer_calls_our_provider_over_tls() {
    called(Language::Java, Language::Rust, "--tls-client-ca").await;
}

#[tokio::test]
async fn our_consumer_calls_a_java_provider_over_tls() {
    called(Language::Rust, Language::Java, "--tls-ca").await;
}
