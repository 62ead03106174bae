//! The mixin's rules on scrapes of real Dubbo Java processes.

use std::time::Duration;

use interop::{BUSINESS, Consumer, Language, Link, Load, Provider, Scraped};
use test_servers::ZooKeeper;

#[tokio::test]
async fn recorded_series_say_what_java_processes_do() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let errors = format!("--error-rate={BUSINESS}");
    let options = [errors.as_str(), "--delay=5ms"];
    let provider =
        Provider::registered_on(link.address(), Language::Java, &zookeeper, &options).await;
    let load = Load {
        concurrency: 4,
        interval: Duration::from_millis(20),
        count: None,
    };
    let consumer = Consumer::start(Language::Java, &zookeeper.address(), load).await;
    let scraped = Scraped::start(&provider, &consumer).await;
    scraped.says_what_happens("provider", "java-provider").await;
    scraped.says_what_happens("consumer", "java-consumer").await;
}
