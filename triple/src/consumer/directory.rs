//! The live list of providers that a consumer calls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use dubbo_registry::{Provider, Subscription, supervise};
use metrics_core::{DirectorySizes, RegistryMetrics};
use parking_lot::RwLock;
use tokio::sync::futures::Notified;
use tokio_util::sync::CancellationToken;

use super::endpoint::{Endpoint, Surroundings};

/// A provider as the registry lists it.
#[derive(Debug)]
pub(crate) struct Listing {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) weight: u32,
    /// How long the provider warms up after its start, and how long ago that was, where it is known.
    pub(crate) warmup: Option<(Duration, Duration)>,
    /// False when the registry's list has become empty and this provider was on it until then: it is called as long as
    /// its connections live.
    pub(crate) listed: bool,
}

/// The endpoints of a consumer, shared by its clones.
#[derive(Debug)]
pub(crate) struct Directory {
    endpoints: RwLock<Arc<[Arc<Endpoint>]>>,
    version: AtomicU64,
    known: AtomicBool,
    connections: usize,
    surroundings: Surroundings,
    ended: CancellationToken,
}

impl Directory {
    pub(crate) fn new(connections: usize, surroundings: Surroundings) -> Self {
        Self {
            endpoints: RwLock::new(Arc::new([])),
            version: AtomicU64::new(0),
            known: AtomicBool::new(false),
            connections,
            surroundings,
            ended: CancellationToken::new(),
        }
    }

    pub(crate) fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.endpoints.read())
    }

    /// Returns a number that changes with the list, so that a caller knows when its copy is old.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Returns whether the registry has answered at all.
    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// Completes when the list or the fitness of an endpoint changes.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.surroundings.changed.notified()
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Waits until a provider is known and fit to be called.
    pub(crate) async fn ready(&self) {
        loop {
            let changed = self.changed();
            let mut changed = std::pin::pin!(changed);
            // Listening starts before looking, so that a change in between is not missed.
            changed.as_mut().enable();
            if self.endpoints().iter().any(|endpoint| endpoint.is_fit()) {
                return;
            }
            changed.await;
        }
    }

    /// Takes over a new list: endpoints that stay keep their connections.
    pub(crate) fn replace(&self, listings: impl IntoIterator<Item = Listing>) {
        let before = self.endpoints();
        let mut old: HashMap<&str, &Arc<Endpoint>> =
            before.iter().map(|e| (e.address(), e)).collect();
        let mut list = Vec::new();
        for listing in listings {
            match old.remove(listing.address.as_str()) {
                Some(endpoint) => {
                    endpoint.update(listing.listed);
                    self.reweigh(endpoint, &listing);
                    list.push(Arc::clone(endpoint));
                }
                None if listing.listed => {
                    let endpoint = self.start(&listing.address, listing.weight);
                    if let Some(endpoint) = &endpoint {
                        self.reweigh(endpoint, &listing);
                    }
                    list.extend(endpoint);
                }
                // A last resort is worth the connections that live, and here is none.
                None => {}
            }
        }
        *self.endpoints.write() = list.into();
        for endpoint in old.values() {
            endpoint.remove();
        }
        self.version.fetch_add(1, Ordering::Release);
        self.known.store(true, Ordering::Release);
        self.surroundings.changed.notify_waiters();
    }

    fn reweigh(&self, endpoint: &Endpoint, listing: &Listing) {
        let (warmup, age) = listing.warmup.unwrap_or_default();
        let left = warmup.saturating_sub(age);
        let now = self.surroundings.clock.now();
        endpoint
            .standing()
            .reweigh(listing.weight, now, left, warmup);
    }

    /// Returns the sizes that the directory's families show.
    fn sizes(&self) -> DirectorySizes {
        let endpoints = self.endpoints();
        let count = |test: fn(&Endpoint) -> bool| {
            endpoints.iter().filter(|endpoint| test(endpoint)).count() as u64
        };
        DirectorySizes {
            all: endpoints.len() as u64,
            valid: count(Endpoint::is_fit),
            to_reconnect: count(|endpoint| !endpoint.is_open()),
            disabled: count(|endpoint| endpoint.is_open() && !endpoint.is_fit()),
            ejected: count(|endpoint| endpoint.standing().ejection().is_ejected()),
        }
    }

    fn start(&self, address: &str, weight: u32) -> Option<Arc<Endpoint>> {
        match Endpoint::new(address, weight, &self.surroundings, self.connections) {
            Ok(endpoint) => {
                let endpoint = Arc::new(endpoint);
                endpoint.start(&self.surroundings);
                Some(endpoint)
            }
            Err(error) => {
                tracing::warn!(address, %error, "a provider's address cannot be called");
                None
            }
        }
    }
}

/// Returns how long a provider warms up and how old it is. One that begins in the future, by its clock, is new.
fn warmup(provider: &Provider) -> Option<(Duration, Duration)> {
    let age = SystemTime::now().duration_since(provider.started()?);
    Some((provider.warmup(), age.unwrap_or_default()))
}

/// Follows the registry's list until the directory is gone or the registry closed.
pub(crate) async fn follow(directory: Weak<Directory>, subscription: Subscription) {
    let Some(surroundings) = directory.upgrade().map(|d| d.surroundings.clone()) else {
        return;
    };
    let mut followed = (directory, subscription);
    supervise(
        "directory",
        || surroundings.panicked(),
        &mut followed,
        |(directory, subscription)| Box::pin(follow_once(directory, subscription)),
    )
    .await;
}

async fn follow_once(directory: &Weak<Directory>, subscription: &mut Subscription) {
    let Some(ended) = directory.upgrade().map(|directory| directory.ended.clone()) else {
        return;
    };
    loop {
        let changed = tokio::select! {
            changed = subscription.changed() => changed,
            () = ended.cancelled() => return,
        };
        match (changed, directory.upgrade()) {
            (Ok(providers), Some(directory)) => {
                directory.replace(providers.iter().map(|provider| Listing {
                    address: provider.address(),
                    weight: provider.weight,
                    warmup: warmup(provider),
                    listed: provider.listed,
                }));
            }
            _ => return,
        }
    }
}

/// Keeps the directory's families up to date until the directory is gone.
pub(crate) fn report(directory: &Arc<Directory>, metrics: RegistryMetrics, interface: &str) {
    let changed = Arc::clone(&directory.surroundings.changed);
    let ended = directory.ended.clone();
    let directory = Arc::downgrade(directory);
    let interface = interface.to_owned();
    tokio::spawn(async move {
        loop {
            let mut turn = std::pin::pin!(changed.notified());
            turn.as_mut().enable();
            if let Some(directory) = directory.upgrade() {
                metrics.directory(&interface, directory.sizes());
            }
            tokio::select! {
                () = turn => {}
                () = ended.cancelled() => return,
            }
        }
    });
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.ended.cancel();
        for endpoint in self.endpoints.get_mut().iter() {
            endpoint.remove();
        }
    }
}
