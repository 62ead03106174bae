//! Begins to measure: who, over which window, on which threads.

use std::{net::IpAddr, time::Duration};

use metrics_core::{Application, Config, Metrics};
use triple::Runtime;

use crate::instance;

/// Begins to measure for an application that is reached at `ip`, and moves the window from now on.
///
/// # Errors
///
/// When the window is outside of what can be measured.
pub fn measure(
    application: &str,
    ip: IpAddr,
    window: Duration,
    runtime: &Runtime,
) -> anyhow::Result<Metrics> {
    let metrics = Metrics::new(Config {
        application: Application {
            name: application.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: instance::hostname(),
            ip: ip.to_string(),
        },
        window,
        ..Config::default()
    })?;
    for worker in runtime.workers().handles() {
        metrics.watch_runtime("workers", worker);
    }
    metrics.watch_runtime("control", runtime.control());
    runtime.control().spawn(metrics.ticker());
    Ok(metrics)
}
