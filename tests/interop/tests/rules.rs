//! The mixin's rules on scrapes of real dubbo-go processes.

use std::time::Duration;

use interop::{BUSINESS, Consumer, Language, Load, Provider, Scraped};
use test_servers::ZooKeeper;

#[tokio::test]
async fn recorded_series_say_what_dubbo_go_processes_do() {
    let zookeeper = ZooKeeper::start().await;
    let errors = format!("--error-rate={BUSINESS}");
    let provider = Provider::registered(Language::Go, &zookeeper, &[&errors, "--delay=5ms"]).await;
    let load = Load {
        concurrency: 4,
        interval: Duration::from_millis(20),
        count: None,
    };
    let consumer = Consumer::start(Language::Go, &zookeeper.address(), load).await;
    let scraped = Scraped::start(&provider, &consumer).await;
    scraped.says_what_happens("provider", "go-provider").await;
    // dubbo-go's consumers export the application of their provider.
    scraped.says_what_happens("consumer", "go-provider").await;
}
