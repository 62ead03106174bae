//! A provider at work, and the order in which it leaves.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use dubbo_registry::{Announcement, RegisterMode, Registration, Registry, ServiceInfo};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};

use super::health::Health;
use super::listener::Connections;
use super::metadata::Metadata;

/// How long consumers get to let go between the unregistration and NOT_SERVING.
///
/// A dubbo-go consumer that hears NOT_SERVING before it has heard of the unregistration ignores this address for 30 s,
/// and so the process that starts here next.
const LET_GO: Duration = Duration::from_secs(1);

/// How long calls in flight may take to finish once new connections are refused.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// A provider that serves calls, and is announced, until it [leaves](Self::leave) or is dropped, which ends both at once.
#[derive(Debug)]
pub struct Serving {
    pub(super) application: String,
    pub(super) services: Vec<ServiceInfo>,
    pub(super) weight: u32,
    pub(super) warmup: Duration,
    pub(super) tag: String,
    pub(super) register_mode: RegisterMode,
    pub(super) address: SocketAddr,
    pub(super) connections: Connections,
    pub(super) health: Health,
    pub(super) metadata: Metadata,
    pub(super) announced: Announced,
}

/// Where a provider is announced; withdrawn when it is dropped, so that no registry lists what serves no longer.
#[derive(Debug, Default)]
pub(super) struct Announced(Vec<Announcement>);

impl Drop for Announced {
    fn drop(&mut self) {
        for announcement in &self.0 {
            announcement.begin_withdrawal();
        }
    }
}

impl Serving {
    /// Returns the address that the provider listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Announces the provider under this host and the port that it listens on, and returns the announcement to wait for.
    ///
    /// # Errors
    ///
    /// When the application's, the host's or an interface's name cannot be registered.
    pub fn announce(
        &mut self,
        registry: &dyn Registry,
        host: &str,
    ) -> Result<Announcement, dubbo_registry::Error> {
        self.announce_at(registry, host, self.address.port())
    }

    /// Does what [`announce`](Self::announce) does, where consumers reach the provider at another port than it listens on.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn announce_at(
        &mut self,
        registry: &dyn Registry,
        host: &str,
        port: u16,
    ) -> Result<Announcement, dubbo_registry::Error> {
        let registration = Registration::new(&self.application, host, port, self.services.clone())?
            .weight(self.weight)
            .warmup(self.warmup)
            .tag(&self.tag)
            .register_mode(self.register_mode);
        // Consumers ask for the metadata as soon as they see the node.
        self.metadata.set(registration.metadata());
        let announcement = registry.register(registration);
        self.announced.0.push(announcement.clone());
        Ok(announcement)
    }

    /// Leaves without losing a call: unregister, give consumers a second to let go, tell those that still watch, wait until
    /// `stop_wait` since the unregistration is over, refuse connections and finish what is in flight.
    ///
    /// The order is measured, not taste: NOT_SERVING before the unregistration makes dubbo-go consumers ignore the
    /// restarted process. Without an announcement there is no consumer to wait for.
    pub async fn leave(self, stop_wait: Duration) {
        if !self.announced.0.is_empty() {
            let withdrawn = self.announced.0.iter().map(Announcement::withdraw);
            for withdrawn in join_all(withdrawn).await {
                match withdrawn {
                    Ok(()) => tracing::info!("unregistered"),
                    Err(error) => tracing::warn!(%error, "not unregistered in time"),
                }
            }
            let over = Instant::now() + stop_wait;
            sleep(LET_GO.min(stop_wait)).await;
            self.health.not_serving().await;
            sleep_until(over).await;
        }
        self.health.close().await;
        if self.connections.drain(DRAIN_LIMIT).await {
            tracing::info!("every call is finished");
        } else {
            tracing::warn!(limit = ?DRAIN_LIMIT, "calls were still in flight at the limit");
        }
    }
}

/// Why a provider could not start to serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener's socket cannot be used.
    #[error("cannot listen")]
    Listen(#[from] io::Error),
    /// The descriptors of a service cannot be used for reflection.
    #[error("reflection cannot be offered")]
    Reflection(#[from] tonic_reflection::server::Error),
}
