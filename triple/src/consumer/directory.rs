//! The live list of providers that a consumer calls.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use dubbo_registry::{ProviderEntry, Reference, Router, Rules, Settings};
use metrics_core::DirectorySizes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::futures::Notified;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

mod following;

pub(crate) use following::{Followed, keep_listed, report};

use super::endpoint::{Endpoint, EndpointContext};
use super::listing::Listing;
use super::roster::Roster;
use super::routes::Routes;

/// The registry's list with the rules for it.
#[derive(Debug)]
struct Ruling {
    reference: Reference,
    providers: Arc<[ProviderEntry]>,
    rules: Arc<Rules>,
    /// What rules set for each of the providers.
    settings: Vec<Settings>,
}

/// The endpoints of a consumer, shared by its clones.
#[derive(Debug)]
pub(crate) struct Directory {
    routes: RwLock<Arc<Routes>>,
    /// None without a registry.
    ruling: Mutex<Option<Ruling>>,
    version: AtomicU64,
    known: AtomicBool,
    roster: Mutex<Roster>,
    context: EndpointContext,
    ended: CancellationToken,
}

impl Directory {
    /// Makes an empty directory. Of more than twice as many providers as `subset` it uses so many only; 0 for all.
    pub(crate) fn new(subset: usize, context: EndpointContext) -> Self {
        Self {
            routes: RwLock::default(),
            ruling: Mutex::default(),
            version: AtomicU64::new(0),
            known: AtomicBool::new(false),
            roster: Mutex::new(Roster::new(subset)),
            context,
            ended: CancellationToken::new(),
        }
    }

    pub(crate) fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        self.routes().endpoints()
    }

    /// Returns the endpoints and the rules by which calls are sent to them.
    pub(crate) fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.read())
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
        self.context.changed.notified()
    }

    pub(crate) fn context(&self) -> &EndpointContext {
        &self.context
    }

    /// Returns what is cancelled when the directory is gone.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Returns whether connections have ended because they were idle: one load of what hardly ever changes.
    pub(crate) fn is_anyone_asleep(&self) -> bool {
        self.context.asleep.load(Ordering::Relaxed) > 0
    }

    /// Has the connections to one of the providers made again that had no call for long, so that calls spread over all of them.
    pub(crate) fn wake_one(&self, endpoints: &[Arc<Endpoint>]) {
        if endpoints.is_empty() {
            return;
        }
        let (before, after) = endpoints.split_at(fastrand::usize(..endpoints.len()));
        let mut asleep = after.iter().chain(before).filter(|e| e.is_asleep());
        if let Some(endpoint) = asleep.next() {
            endpoint.wake();
        }
    }

    /// Waits until `look` finds something: it looks now, and whenever the list or the fitness of an endpoint changes.
    pub(crate) async fn find<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            let changed = self.changed();
            let mut changed = std::pin::pin!(changed);
            // Listening starts before looking, so that a change in between is not missed.
            changed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }

    /// Waits until a provider is known and fit to be called.
    pub(crate) async fn ready(&self) {
        self.find(|| self.endpoints().iter().any(|e| e.is_fit()).then_some(()))
            .await;
    }

    /// Takes over a new list, or new rules for it: endpoints that stay keep their connections.
    pub(crate) fn route(
        &self,
        reference: &Reference,
        providers: Arc<[ProviderEntry]>,
        rules: Arc<Rules>,
    ) {
        let settings = providers.iter().map(|p| rules.settings(reference, p));
        let settings: Vec<_> = settings.collect();
        let enabled = providers.iter().zip(&settings);
        let enabled = enabled.filter(|(_, settings)| settings.disabled != Some(true));
        let listings = enabled.map(|(provider, settings)| Listing {
            address: provider.address(),
            weight: settings.weight.unwrap_or(provider.weight),
            warmup: warmup(provider),
            listed: provider.listed,
            authority: None,
        });
        let all: Vec<_> = providers.iter().collect();
        let tells_apart = Router::new(&rules, reference, &all).tells_apart();
        let mut roster = self.roster.lock();
        roster.use_all(tells_apart);
        roster.set_listings(listings.collect());
        *self.ruling.lock() = Some(Ruling {
            reference: reference.clone(),
            providers: Arc::clone(&providers),
            rules,
            settings,
        });
        if !self.apply(&mut roster) {
            // The same endpoints, but perhaps other rules.
            self.publish(self.endpoints());
        }
        drop(roster);
        self.known.store(true, Ordering::Release);
        self.context.changed.notify_waiters();
    }

    /// Takes over a new list without rules: endpoints that stay keep their connections.
    pub(crate) fn replace(&self, listings: Vec<Listing>) {
        let mut roster = self.roster.lock();
        roster.set_listings(listings);
        self.apply(&mut roster);
        drop(roster);
        self.known.store(true, Ordering::Release);
        self.context.changed.notify_waiters();
    }

    /// Looks again at which providers of a long list to use: others where some have failed, fewer where these are back.
    fn refill(&self) {
        let mut roster = self.roster.lock();
        if roster.is_partial() && self.apply(&mut roster) {
            drop(roster);
            self.context.changed.notify_waiters();
        }
    }

    /// Starts and ends endpoints as the roster says. True when the list is another one.
    fn apply(&self, roster: &mut Roster) -> bool {
        let before = self.endpoints();
        let in_use: HashMap<&str, &Arc<Endpoint>> =
            before.iter().map(|e| (e.address(), e)).collect();
        let mut unused: HashSet<&str> = in_use.keys().copied().collect();
        let mut list = Vec::new();
        let mut is_new = false;
        for listing in roster.chosen(Instant::now(), &in_use) {
            match in_use.get(listing.address.as_str()) {
                // A list that names an address twice is used once.
                Some(_) if !unused.remove(listing.address.as_str()) => {}
                Some(endpoint) => {
                    endpoint.update(listing.listed);
                    self.reweigh(endpoint, listing);
                    list.push(Arc::clone(endpoint));
                }
                None if listing.listed => {
                    let endpoint = self.start(listing);
                    if let Some(endpoint) = &endpoint {
                        self.reweigh(endpoint, listing);
                        is_new = true;
                    }
                    list.extend(endpoint);
                }
                // A last resort is worth the connections that live, and here is none.
                None => {}
            }
        }
        if !is_new && unused.is_empty() {
            return false;
        }
        self.publish(list.into());
        for address in unused {
            in_use[address].remove();
        }
        true
    }

    /// Lets calls see these endpoints, with the rules for them.
    fn publish(&self, endpoints: Arc<[Arc<Endpoint>]>) {
        let routes = match &*self.ruling.lock() {
            None => Routes::to(endpoints),
            Some(Ruling {
                reference,
                providers,
                rules,
                settings,
            }) => Routes::ruled(endpoints, reference, providers, rules, settings),
        };
        *self.routes.write() = Arc::new(routes);
        self.version.fetch_add(1, Ordering::Release);
    }

    fn reweigh(&self, endpoint: &Endpoint, listing: &Listing) {
        let (warmup, age) = listing.warmup.unwrap_or_default();
        let left = warmup.saturating_sub(age);
        let now = self.context.clock.now();
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
            valid: count(|endpoint| endpoint.is_fit() || endpoint.is_asleep()),
            to_reconnect: count(|endpoint| !endpoint.is_open() && !endpoint.is_asleep()),
            disabled: count(|endpoint| endpoint.is_open() && !endpoint.is_fit()),
            ejected: count(|endpoint| endpoint.standing().ejection().is_ejected()),
        }
    }

    fn start(&self, listing: &Listing) -> Option<Arc<Endpoint>> {
        let authority = listing.authority.as_deref();
        let context = &self.context;
        match Endpoint::new(&listing.address, authority, listing.weight, context) {
            Ok(endpoint) => {
                let endpoint = Arc::new(endpoint);
                endpoint.start(context);
                Some(endpoint)
            }
            Err(error) => {
                let address = listing.address.as_str();
                tracing::warn!(address, %error, "a provider's address cannot be called");
                None
            }
        }
    }
}

/// Returns how long a provider warms up and how old it is. One that begins in the future, by its clock, is new.
fn warmup(provider: &ProviderEntry) -> Option<(Duration, Duration)> {
    let age = SystemTime::now().duration_since(provider.started()?);
    Some((provider.warmup(), age.unwrap_or_default()))
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.ended.cancel();
        for endpoint in self.routes.get_mut().endpoints().iter() {
            endpoint.remove();
        }
    }
}
