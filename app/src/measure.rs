//! Begins to measure: who, over which window, on which threads.

use std::{net::IpAddr, time::Duration};

use metrics_core::{Application, Config, Families, Metrics, MetricsPath};
use triple::Runtime;

use crate::instance;

/// What is measured, and how much of it is exported.
#[derive(Clone, Debug)]
pub struct Measuring {
    pub(crate) window: Duration,
    pub(crate) families: Families,
    /// In seconds.
    pub(crate) buckets: Vec<f64>,
    pub(crate) path: MetricsPath,
}

impl Measuring {
    /// Begins to measure for an application that is reached at `ip`, and moves the window from now on.
    ///
    /// # Errors
    ///
    /// When the window or the buckets cannot be measured with.
    pub fn start(
        &self,
        application: &str,
        ip: IpAddr,
        runtime: &Runtime,
    ) -> anyhow::Result<Metrics> {
        let metrics = Metrics::new(
            Config::default()
                .application(
                    Application::new(application)
                        .version(env!("CARGO_PKG_VERSION").to_owned())
                        .hostname(instance::hostname())
                        .ip(ip.to_string()),
                )
                .window(self.window)
                .families(self.families)
                .buckets(self.buckets.clone()),
        )?;
        for worker in runtime.workers().handles() {
            metrics.watch_runtime("workers", worker);
        }
        metrics.watch_runtime("control", runtime.control());
        runtime.control().spawn(metrics.ticker());
        Ok(metrics)
    }

    /// Returns the path at which the figures are served.
    #[must_use]
    pub fn path(&self) -> &MetricsPath {
        &self.path
    }
}
