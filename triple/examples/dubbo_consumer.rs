//! A measured consumer that finds its providers in ZooKeeper: `cargo run -p triple --example dubbo_consumer`, with a provider beside it
//! (`--example dubbo_provider`, or any on Dubbo).

#![expect(clippy::print_stdout, reason = "an example shows what comes out")]

use std::sync::Arc;

use dubbo_registry::{Reference, ZooKeeperConfig, ZooKeeperRegistry};
use greet::GreetRequest;
use greet::greet_service_client::GreetServiceClient;
use metrics_core::{Config, Metrics};
use triple::{Consumer, ConsumerMetrics, ConsumerOptions, MeasuringObserver, RpcMetadata, Workers};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = Metrics::new(Config::default())?;
    let registry = ZooKeeperRegistry::connect(
        ZooKeeperConfig::new("127.0.0.1:2181"),
        Arc::new(MeasuringObserver::new(&metrics)),
        Arc::new(RpcMetadata::default()),
    )?;
    let options =
        ConsumerOptions::default().metrics(ConsumerMetrics::new(metrics.clone(), ["Greet"]));
    let reference = Reference::new(greet::INTERFACE)?;
    let consumer = Consumer::new(&registry, reference, &Workers::here(), options);
    let request = GreetRequest {
        name: "world".into(),
    };
    let answer = GreetServiceClient::new(consumer).greet(request).await?;
    println!("{}", answer.into_inner().greeting);
    println!("{}", metrics.text());
    Ok(())
}
