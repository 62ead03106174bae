//! What a process starts before its own work.

use std::sync::Arc;

use dubbo_registry::{Observer, Registry, ZooKeeperConfig, ZooKeeperRegistry};
use metrics_core::{Metrics, Readiness};
use tokio_util::sync::CancellationToken;
use triple::{ConsumerTls, MeasuringObserver, RpcMetadata, Runtime};

use super::{Discovery, Process, waiting::Waiting};
use crate::{
    config::{Measure, ProcessConfig},
    export::{self, Exporter},
    probes,
};

impl Process {
    /// Starts what all processes share, on the runtime that this is called on.
    ///
    /// # Errors
    ///
    /// When a port cannot be had, or an address cannot be read.
    pub(crate) fn start(
        config: ProcessConfig,
        discovery: Discovery,
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        let ProcessConfig {
            application,
            advertised,
            zookeeper,
            measure: measuring,
            tls,
            probe_addr,
            runtime: _,
            quiet: _,
        } = config;
        // Ports first: one that is in use ends the process before it is registered.
        let readiness = Readiness::new();
        let probes = probe_addr
            .map(|address| probes::serve(address, &readiness))
            .transpose()?;
        let measurable = CancellationToken::new();
        let (metrics, exporter) = match measuring {
            Some(Measure { measuring, export }) => {
                let metrics = measuring.start(&application, advertised.ip, runtime)?;
                let path = measuring.path();
                let exporter = Exporter::start(export, &metrics, path, probes, measurable.clone())?;
                (Some(metrics), Some(exporter))
            }
            None => (None, None),
        };
        let address = matches!(discovery, Discovery::ZooKeeper).then(|| zookeeper.address.clone());
        let waiting = Waiting::new(&readiness, address);
        let registry = match discovery {
            Discovery::ZooKeeper => Some(connect(zookeeper, tls, metrics.as_ref(), &waiting)?),
            Discovery::None => None,
        };
        let endpoint = exporter.as_ref().and_then(Exporter::endpoint);
        if let (Some(registry), Some(endpoint)) = (&registry, endpoint) {
            export::expose(&**registry, &application, endpoint, &advertised)?;
        }
        Ok(Self {
            application,
            advertised,
            metrics,
            registry,
            exporter,
            workers: runtime.workers().clone(),
            readiness,
            waiting,
            measurable,
            stop: CancellationToken::new(),
        })
    }
}

/// Begins to look for ZooKeeper, and goes on until it is found.
fn connect(
    config: ZooKeeperConfig,
    tls: Option<ConsumerTls>,
    metrics: Option<&Metrics>,
    waiting: &Waiting,
) -> anyhow::Result<Arc<dyn Registry>> {
    let observer: Arc<dyn Observer> = match metrics {
        Some(metrics) => Arc::new((MeasuringObserver::new(metrics), waiting.clone())),
        None => Arc::new(waiting.clone()),
    };
    let registry = ZooKeeperRegistry::connect(config, observer, Arc::new(RpcMetadata::over(tls)))?;
    Ok(Arc::new(registry))
}
