//! Our consumer in a program that has a runtime of its own: `embedded --address 127.0.0.1:20000`.

use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Parser;
use dubbo_registry::Reference;
use greet::GreetRequest;
use greet::greet_service_client::GreetServiceClient;
use metrics_core::{Config, Metrics};
use tokio::task::JoinSet;
use tonic::Status;
use triple::{Consumer, ConsumerMetrics, ConsumerOptions, Workers};

/// Calls without a pause until it is killed, and measures its calls.
#[derive(Debug, Parser)]
#[command(name = "embedded")]
struct Args {
    /// The provider.
    #[arg(long)]
    address: String,
    /// How many callers there are.
    #[arg(long, default_value = "16")]
    callers: NonZeroUsize,
}

#[tokio::main]
async fn main() -> ExitCode {
    app::exit_code(&run(Args::parse()).await)
}

async fn run(args: Args) -> anyhow::Result<()> {
    let metrics = ConsumerMetrics::new(Metrics::new(Config::default())?, greet::METHODS);
    let options = ConsumerOptions::default().metrics(metrics);
    let reference = Reference::new(greet::INTERFACE)?;
    let consumer = Consumer::direct(&args.address, &reference, &Workers::here(), options)?;
    consumer.ready().await;
    let mut callers = JoinSet::new();
    for _ in 0..args.callers.get() {
        callers.spawn(call(GreetServiceClient::new(consumer.clone())));
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn call(mut client: GreetServiceClient<Consumer>) -> Result<(), Status> {
    loop {
        let name = "hello world".to_owned();
        client.greet(GreetRequest { name }).await?;
    }
}
