//! The provider sample: parses its options, serves greetings, registers itself, and leaves in order.

use std::process::ExitCode;

use app::{Discovery, Process};
use greet::greet_service_server::GreetServiceServer;
use server::{AdvertisedPort, Args, Config, Greeter};
use tokio::net::TcpListener;
use tracing::info;

fn main() -> ExitCode {
    let config = app::parse::<Args>();
    app::exit_code(&run(config))
}

fn run(config: Config) -> anyhow::Result<()> {
    let Config {
        address,
        advertise_port,
        delay,
        error_rate,
        stop_wait,
        weight,
        warmup,
        tag,
        register_mode,
        max_connection_age,
        tls,
        admission,
        process,
    } = config;
    let listener = app::listen(address, "--listen or --port")?;
    let greeter = Greeter {
        delay,
        error_rate,
        quiet: process.quiet,
    };
    app::run(process, Discovery::ZooKeeper, async |process: &Process| {
        let service = GreetServiceServer::new(greeter);
        let mut provider = process
            .provider()
            .weight(weight)
            .warmup(warmup)
            .tag(tag.unwrap_or_default())
            .register_mode(register_mode);
        if let Some(age) = max_connection_age {
            provider = provider.max_connection_age(age);
        }
        provider = provider
            .reflection(admission.reflection)
            .calls_per_connection(admission.calls_per_connection);
        if let Some(access) = admission.access {
            provider = provider.layer(process.counted(access));
        }
        if let Some(calls) = admission.calls {
            provider = provider.layer(calls.limit());
        }
        if let Some(tls) = tls {
            provider = provider.tls(tls);
        }
        let mut serving = provider
            .service(service, greet::FILE_DESCRIPTOR_SET)?
            .serve(TcpListener::from_std(listener)?, process.workers())
            .await?;
        info!(address = %serving.address(), "provider listens");
        let port = advertise_port.and_then(AdvertisedPort::or_warn);
        process.announce(&mut serving, port)?;
        process.stopped().await;
        serving.leave(stop_wait).await;
        Ok(())
    })
}
