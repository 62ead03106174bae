//! A process of the sample from start to stop: what runs around its work, and the order in which it leaves.

use std::{net::IpAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use dubbo_registry::{Observer, Reference, Registry, ZooKeeperConfig, ZooKeeperRegistry};
use metrics_core::{Metrics, Readiness};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use triple::{
    Consumer, ConsumerMetrics, ConsumerOptions, MeasuredRegistry, Provider, RpcMetadata, Runtime,
    Serving, Signals, Workers,
};

use crate::{
    config::{Measure, ProcessConfig},
    export::{self, Exporter},
    logs, measure, probes,
};

/// How long blocking work may take to finish when everything else has ended.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(1);

/// Whether a process finds others, and is found, through ZooKeeper.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Discovery {
    /// Through ZooKeeper.
    ZooKeeper,
    /// Not at all: it was told whom to call.
    None,
}

/// A process at work: what its own part needs of what all processes share.
#[derive(Debug)]
pub struct Process {
    application: String,
    advertise_ip: IpAddr,
    metrics: Option<Metrics>,
    registry: Option<Arc<dyn Registry>>,
    exporter: Option<Exporter>,
    workers: Workers,
    readiness: Readiness,
    stop: CancellationToken,
}

/// Runs a process: starts what all processes share, lets `work` do its own part, and leaves in order.
///
/// `work` ends when [`Process::stopped`] does, or earlier when it is done. At the first SIGTERM or SIGINT the process is no
/// longer ready and `stopped` completes; when `work` has ended, the last figures are pushed, the group is deleted, and the
/// session with the registry is closed. A second signal ends the process at once.
///
/// # Errors
///
/// When something cannot be started, or `work` fails.
pub fn run<W>(config: ProcessConfig, discovery: Discovery, work: W) -> anyhow::Result<()>
where
    W: AsyncFnOnce(&Process) -> anyhow::Result<()>,
{
    logs::start();
    let runtime = Runtime::new(config.runtime).context("cannot start threads")?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::install().context("cannot listen to signals")?;
        let process = Process::start(config, discovery, &runtime)?;
        let (readiness, stop) = (process.readiness.clone(), process.stop.clone());
        let life = async {
            let outcome = work(&process).await;
            process.leave().await;
            outcome
        };
        let signalled = async {
            let signal = signals.next().await;
            info!("{signal}: stopping; a second signal ends the process at once");
            readiness.unset("stopping");
            stop.cancel();
            signals.next().await
        };
        tokio::select! {
            outcome = life => outcome,
            signal = signalled => {
                warn!("{signal} again: ended at once, with whatever was unfinished");
                Ok(())
            }
        }
    });
    runtime.shutdown(SHUTDOWN_LIMIT);
    outcome
}

impl Process {
    fn start(
        config: ProcessConfig,
        discovery: Discovery,
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        let ProcessConfig {
            application,
            advertise_ip,
            zookeeper,
            measure: measuring,
            probe_addr,
            runtime: _,
            quiet: _,
        } = config;
        // Ports first: one that is in use ends the process before anybody has heard of it.
        let readiness = Readiness::new();
        if let Some(address) = probe_addr {
            probes::serve(address, &readiness)?;
        }
        let (metrics, exporter) = match measuring {
            Some(Measure { window, export }) => {
                let metrics = measure::measure(&application, advertise_ip, window, runtime)?;
                let exporter = Exporter::start(export, &metrics)?;
                (Some(metrics), Some(exporter))
            }
            None => (None, None),
        };
        let registry = match discovery {
            Discovery::ZooKeeper => Some(connect(zookeeper, metrics.as_ref())?),
            Discovery::None => None,
        };
        let endpoint = exporter.as_ref().and_then(Exporter::endpoint);
        if let (Some(registry), Some(endpoint)) = (&registry, endpoint) {
            export::expose(&**registry, &application, endpoint, advertise_ip)?;
        }
        Ok(Self {
            application,
            advertise_ip,
            metrics,
            registry,
            exporter,
            workers: runtime.workers().clone(),
            readiness,
            stop: CancellationToken::new(),
        })
    }

    /// Returns the threads that serve calls.
    #[must_use]
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Returns the token that is cancelled when the process is asked to stop; cancelling it asks for the same.
    #[must_use]
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits until the process is asked to stop.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Begins a provider of this process's application, measured if the process measures.
    #[must_use]
    pub fn provider(&self) -> Provider {
        let provider = Provider::new(&self.application);
        match &self.metrics {
            Some(metrics) => provider.metrics(metrics),
            None => provider,
        }
    }

    /// Announces a provider under the advertised address; the process is ready once that has succeeded.
    ///
    /// # Errors
    ///
    /// When a name cannot be registered.
    pub fn announce(&self, serving: &mut Serving) -> anyhow::Result<()> {
        let Some(registry) = &self.registry else {
            self.ready();
            return Ok(());
        };
        let host = self.advertise_ip.to_string();
        let announcement = serving.announce(&**registry, &host)?;
        let (readiness, stop) = (self.readiness.clone(), self.stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Ok(()) = announcement.done() => {
                    info!("registered");
                    readiness.set();
                }
            }
        });
        Ok(())
    }

    /// Marks the process as ready, unless it stops already.
    pub fn ready(&self) {
        if !self.stop.is_cancelled() {
            self.readiness.set();
        }
    }

    /// Makes the consumer of a service, measured if the process measures. It calls the provider at `direct` (`host:port`), or
    /// those that the registry lists.
    ///
    /// # Errors
    ///
    /// When the interface's name cannot be registered, or there is nobody to call.
    pub fn consumer(
        &self,
        interface: &str,
        methods: &[&str],
        direct: Option<&str>,
        mut options: ConsumerOptions,
    ) -> anyhow::Result<Consumer> {
        let reference = Reference::new(interface)?;
        options.metrics = self.metrics.clone().map(|metrics| ConsumerMetrics {
            metrics,
            methods: methods.iter().map(ToString::to_string).collect(),
        });
        let workers = &self.workers;
        match (&self.registry, direct) {
            (_, Some(address)) => Ok(Consumer::direct(address, &reference, workers, options)?),
            (Some(registry), None) => Ok(Consumer::new(&**registry, reference, workers, options)),
            (None, None) => bail!("there is neither a registry nor a provider to call"),
        }
    }

    /// Leaves after the process's own work has ended.
    async fn leave(self) {
        self.readiness.unset("stopping");
        let close = async {
            if let Some(registry) = &self.registry {
                registry.close().await;
            }
        };
        match self.exporter {
            // Prometheus forgets the endpoint before it is closed, so that no scrape fails.
            Some(exporter) if exporter.endpoint().is_some() => {
                close.await;
                exporter.finish().await;
            }
            Some(exporter) => {
                tokio::join!(close, exporter.finish());
            }
            None => close.await,
        }
        info!("left in order");
    }
}

/// Begins to look for ZooKeeper, and goes on until it is found.
fn connect(
    config: ZooKeeperConfig,
    metrics: Option<&Metrics>,
) -> anyhow::Result<Arc<dyn Registry>> {
    let observer: Arc<dyn Observer> = match metrics {
        Some(metrics) => Arc::new(MeasuredRegistry::new(metrics)),
        None => Arc::new(()),
    };
    let registry = ZooKeeperRegistry::connect(config, observer, Arc::new(RpcMetadata))?;
    Ok(Arc::new(registry))
}
