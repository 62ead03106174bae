//! Provider, consumer and registry, as server and client have them, in one process.

use std::{sync::Arc, time::Duration};

use app::{Ending, Exporter};
use dubbo_registry::{MemoryRegistry, Reference, Registry};
use greet::{
    GreetRequest, greet_service_client::GreetServiceClient,
    greet_service_server::GreetServiceServer,
};
use metrics_core::{Endpoint, Metrics};
use server::Greeter;
use tokio::{net::TcpListener, time::Instant};
use tokio_util::sync::CancellationToken;
use triple::{
    Consumer, ConsumerMetrics, ConsumerOptions, MeasuringObserver, Provider, Runtime, Serving,
    Workers,
};

use crate::{
    args::Args,
    figures::{Figures, Side},
    load,
};

/// The application that provides.
const PROVIDER: &str = "dubbo-rust-server";
/// The application that consumes.
const CONSUMER: &str = "dubbo-rust-client";

/// The sample at work.
#[derive(Debug)]
pub(crate) struct Sample {
    started: Instant,
    registry: MemoryRegistry,
    serving: Serving,
    client: GreetServiceClient<Consumer>,
    provider_metrics: Metrics,
    consumer_metrics: Metrics,
    provider_endpoint: Exporter,
    consumer_endpoint: Exporter,
}

impl Sample {
    /// Starts everything, and waits until the consumer has found the provider.
    ///
    /// # Errors
    ///
    /// When a port cannot be had.
    pub(crate) async fn start(args: &Args, runtime: &Runtime) -> anyhow::Result<Self> {
        let workers = runtime.workers();
        let measuring = args.measure.clone().into_measuring()?;
        let ip = args.provider_addr.ip();
        let provider_metrics = measuring.start(PROVIDER, ip, runtime)?;
        let consumer_metrics = measuring.start(CONSUMER, ip, runtime)?;
        let listener = app::listen(args.provider_addr, "--provider-addr")?;
        let measurable = CancellationToken::new();
        let provider_endpoint = Exporter::pull(
            args.provider_metrics_addr,
            "--provider-metrics-addr",
            Endpoint::new(&provider_metrics).path(measuring.path()),
            measurable.clone(),
        )?;
        let consumer_endpoint = Exporter::pull(
            args.consumer_metrics_addr,
            "--consumer-metrics-addr",
            Endpoint::new(&consumer_metrics).path(measuring.path()),
            measurable.clone(),
        )?;

        let registry =
            MemoryRegistry::observed(Arc::new(MeasuringObserver::new(&provider_metrics)));
        let greeter = Greeter {
            delay: args.delay,
            error_rate: args.error_rate,
            quiet: true,
        };
        let mut serving = Provider::new(PROVIDER)
            .metrics(&provider_metrics)
            .service(GreetServiceServer::new(greeter), greet::FILE_DESCRIPTOR_SET)?
            .serve(TcpListener::from_std(listener)?, workers)
            .await?;
        let host = serving.address().ip().to_string();
        serving.announce(&registry, &host)?;

        let consumer = Consumer::new(
            &registry.join(Arc::new(MeasuringObserver::new(&consumer_metrics))),
            Reference::new(greet::INTERFACE)?,
            workers,
            ConsumerOptions::default().metrics(ConsumerMetrics::new(
                consumer_metrics.clone(),
                greet::METHODS,
            )),
        );
        measurable.cancel();
        consumer.ready().await;
        Ok(Self {
            started: Instant::now(),
            registry,
            serving,
            client: GreetServiceClient::new(consumer),
            provider_metrics,
            consumer_metrics,
            provider_endpoint,
            consumer_endpoint,
        })
    }

    /// Makes calls at this rate until `stop` is cancelled. What becomes of them is for the metrics to tell.
    pub(crate) async fn make_calls(&self, rate: f64, workers: &Workers, stop: &CancellationToken) {
        load::run(rate, workers, stop, || {
            let mut client = self.client.clone();
            async move {
                let request = GreetRequest {
                    name: "hello world".to_owned(),
                };
                let _ = client.greet(request).await;
            }
        })
        .await;
    }

    /// Returns both sides' figures as they are now.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            elapsed: self.started.elapsed(),
            provider: Side::read(&self.provider_metrics, metrics_core::Side::Provider),
            consumer: Side::read(&self.consumer_metrics, metrics_core::Side::Consumer),
        }
    }

    /// Returns the addresses of the provider's and the consumer's pages; the text is at `/prometheus` of each.
    pub(crate) fn pages(&self) -> [String; 2] {
        [&self.provider_endpoint, &self.consumer_endpoint].map(|exporter| {
            exporter
                .endpoint()
                .map_or_else(String::new, |address| format!("http://{address}"))
        })
    }

    /// Ends everything. Both sides end together, so that neither waits for the other.
    pub(crate) async fn stop(self) {
        self.registry.close().await;
        self.serving.leave(Duration::ZERO).await;
        tokio::join!(
            self.provider_endpoint.finish(Ending::Done),
            self.consumer_endpoint.finish(Ending::Done)
        );
    }
}
