//! A process at work: what it offers to its own part, and the order in which it leaves.

mod start;
mod waiting;

use std::{net::SocketAddr, num::NonZeroU16, sync::Arc};

use anyhow::bail;
use dubbo_registry::{Reference, Registry};
use metrics_core::{Metrics, Readiness};
use tokio_util::sync::CancellationToken;
use tracing::info;
use triple::{Access, Consumer, ConsumerMetrics, ConsumerOptions, Provider, Serving, Workers};

use self::waiting::Waiting;
use crate::{
    address::Advertised,
    export::{Ending, Exporter},
};

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
    advertised: Advertised,
    metrics: Option<Metrics>,
    registry: Option<Arc<dyn Registry>>,
    exporter: Option<Exporter>,
    workers: Workers,
    readiness: Readiness,
    waiting: Waiting,
    /// Cancelled once every method that this process serves or calls has its series: the first scrape and the first push are
    /// complete.
    measurable: CancellationToken,
    stop: CancellationToken,
}

impl Process {
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

    /// Counts the calls that are refused, if the process measures.
    #[must_use]
    pub fn counted(&self, access: Access) -> Access {
        match &self.metrics {
            Some(metrics) => access.metrics(metrics),
            None => access,
        }
    }

    /// Announces a provider under the advertised address, and under `port` where consumers reach another than it listens on; the
    /// process is ready once that has succeeded.
    ///
    /// # Errors
    ///
    /// When a name cannot be registered.
    pub fn announce(&self, serving: &mut Serving, port: Option<NonZeroU16>) -> anyhow::Result<()> {
        self.measurable.cancel();
        let Some(registry) = &self.registry else {
            self.ready();
            return Ok(());
        };
        let port = port.map_or(serving.address().port(), NonZeroU16::get);
        let address = SocketAddr::new(self.advertised.ip, port);
        self.advertised.check(serving.address(), "--listen");
        let announcement = serving.announce_at(&**registry, &address.ip().to_string(), port)?;
        self.waiting
            .needs(format!("waiting for the registration of {address}"));
        let (readiness, stop) = (self.readiness.clone(), self.stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Ok(()) = announcement.done() => {
                    info!(%address, "registered");
                    readiness.set();
                }
            }
        });
        Ok(())
    }

    /// Returns what tells the probes whether the process is ready.
    pub(crate) fn readiness(&self) -> &Readiness {
        &self.readiness
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
    /// When the interface's name cannot be registered, or there is no provider to call.
    pub fn consumer(
        &self,
        interface: &str,
        methods: &[&str],
        direct: Option<&str>,
        mut options: ConsumerOptions,
    ) -> anyhow::Result<Consumer> {
        let reference = Reference::new(interface)?;
        options.application = Some(self.application.clone());
        options.host = Some(self.advertised.ip.to_string());
        options.metrics = self
            .metrics
            .clone()
            .map(|metrics| ConsumerMetrics::new(metrics, methods.iter().copied()));
        let workers = &self.workers;
        self.waiting.needs(match direct {
            Some(address) => format!("waiting for a connection to {address}"),
            None => format!("waiting for a provider of {interface}"),
        });
        let consumer = match (&self.registry, direct) {
            (_, Some(address)) => Consumer::direct(address, &reference, workers, options)?,
            (Some(registry), None) => Consumer::new(&**registry, reference, workers, options),
            (None, None) => bail!("there is neither a registry nor a provider to call"),
        };
        self.measurable.cancel();
        Ok(consumer)
    }

    /// Leaves after the process's own work has ended.
    pub(crate) async fn leave(self) {
        let ending = if self.stop.is_cancelled() {
            Ending::Stopped
        } else {
            Ending::Done
        };
        self.readiness.unset("stopping");
        self.measurable.cancel();
        let close = async {
            if let Some(registry) = &self.registry {
                registry.close().await;
            }
        };
        match self.exporter {
            // Prometheus forgets the endpoint before it is closed, so that no scrape fails.
            Some(exporter) if exporter.endpoint().is_some() => {
                close.await;
                exporter.finish(ending).await;
            }
            Some(exporter) => {
                tokio::join!(close, exporter.finish(ending));
            }
            None => close.await,
        }
        info!("left in order");
    }
}
