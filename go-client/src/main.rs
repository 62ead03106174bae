//! The consumer sample: parses its options, finds providers, asks them for greetings, and reports.

use std::{process::ExitCode, time::Duration};

use app::{Discovery, Process};
use client::{Args, Config, Greeter, Output};
use greet::greet_service_client::GreetServiceClient;
use tokio::time::sleep;
use tracing::info;

/// How soon the log says that there is no provider yet.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let config = app::parse::<Args>();
    app::exit_code(&run(config))
}

fn run(config: Config) -> anyhow::Result<()> {
    let Config {
        schedule,
        options,
        direct,
        process,
    } = config;
    let quiet = process.quiet;
    let discovery = match direct {
        Some(_) => Discovery::None,
        None => Discovery::ZooKeeper,
    };
    app::run(process, discovery, async |process: &Process| {
        let consumer = process.consumer(
            greet::INTERFACE,
            &greet::METHODS,
            direct.as_deref(),
            options,
        )?;
        let waiting = async {
            sleep(PATIENCE).await;
            info!("no provider yet: calls begin when there is one");
            process.stopped().await;
        };
        tokio::select! {
            () = consumer.ready() => {
                info!("a provider is connected: calls begin");
                process.ready();
            }
            () = waiting => {}
        }
        let output = Output::new(quiet, process.stop().clone());
        let greeter = Greeter::new(GreetServiceClient::new(consumer), output.clone());
        let tally = schedule
            .run(process.workers(), process.stop(), greeter)
            .await;
        output.line(&tally.to_string());
        anyhow::ensure!(
            tally.deaths() == 0,
            "{} of {} callers ended by a panic, whose message stands above: the calls that they had left were not made",
            tally.deaths(),
            schedule.callers
        );
        Ok(())
    })
}
