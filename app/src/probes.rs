//! The probes of a process, for its supervisor.

use std::net::SocketAddr;

use metrics_core::{Probes, Readiness};
use tracing::info;

use crate::listener;

/// Serves the probes until the process ends: while it leaves, a supervisor still wants to know. Returns where they listen.
///
/// # Errors
///
/// When the address cannot be had.
pub(crate) fn serve(address: SocketAddr, readiness: &Readiness) -> anyhow::Result<SocketAddr> {
    let listener = listener::listen(address, "--probe-addr")?;
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    info!(%address, "probes listen");
    tokio::spawn(Probes::new(readiness).serve(listener, std::future::pending()));
    Ok(address)
}
