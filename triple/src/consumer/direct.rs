//! Providers that are known by address or by name, without a registry: names are resolved again and again.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};

use super::directory::Directory;
use super::listing::Listing;

/// How long a name's addresses are used before they are asked for again, while all is well.
const REFRESH: Duration = Duration::from_secs(30);

/// The first pause before names are asked for again after a connection has failed; it doubles up to [`REFRESH`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long a resolver may take.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// How long an address of one family may take to accept a connection before the other family is preferred.
const FAMILY_LIMIT: Duration = Duration::from_millis(300);

/// Returns the parts of a list of `host:port`, separated by commas.
pub(super) fn split(addresses: &str) -> impl Iterator<Item = &str> {
    let parts = addresses.split(',').map(str::trim);
    parts.filter(|address| !address.is_empty())
}

/// Asks for a name's addresses.
type Resolver = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// The addresses that a consumer was given.
pub(super) struct Targets {
    targets: Vec<Target>,
    resolver: Box<Resolver>,
}

/// One `host:port` and what it stands for.
#[derive(Debug)]
struct Target {
    name: String,
    /// Its addresses when it was last resolved.
    resolved: Vec<SocketAddr>,
}

impl Targets {
    pub(super) fn new(addresses: &str) -> Self {
        let targets = split(addresses).map(|name| Target {
            name: name.to_owned(),
            resolved: name.parse().into_iter().collect(),
        });
        Self {
            targets: targets.collect(),
            resolver: Box::new(|name| {
                Box::pin(async move { Ok(lookup_host(name).await?.collect()) })
            }),
        }
    }

    /// Returns whether any of them is a name.
    pub(super) fn has_names(&self) -> bool {
        self.targets.iter().any(Target::is_name)
    }

    /// Returns the providers, each address once. A name that could never be resolved stands for itself, so that the failure shows
    /// where it is called.
    pub(super) fn listings(&self) -> Vec<Listing> {
        let mut seen = HashSet::new();
        let mut listings = Vec::new();
        for target in &self.targets {
            let authority = target.is_name().then(|| target.name.clone());
            let addresses: Vec<String> = if target.resolved.is_empty() {
                vec![target.name.clone()]
            } else {
                target.resolved.iter().map(ToString::to_string).collect()
            };
            for address in addresses {
                if seen.insert(address.clone()) {
                    listings.push(Listing {
                        address,
                        weight: 1,
                        warmup: None,
                        listed: true,
                        authority: authority.clone(),
                    });
                }
            }
        }
        listings
    }

    /// Resolves every name. One that cannot be resolved now keeps its addresses.
    async fn resolve(&mut self) {
        for target in self.targets.iter_mut().filter(|target| target.is_name()) {
            let found = timeout(RESOLVE_LIMIT, (self.resolver)(target.name.clone())).await;
            let error = match found {
                Ok(Ok(addresses)) => {
                    let mut addresses = one_family(addresses).await;
                    addresses.sort_unstable();
                    addresses.dedup();
                    if !addresses.is_empty() {
                        target.resolved = addresses;
                        continue;
                    }
                    "no address".to_owned()
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {RESOLVE_LIMIT:?}"),
            };
            tracing::warn!(
                name = target.name,
                error,
                "a provider's name is not resolved"
            );
        }
    }
}

impl Target {
    fn is_name(&self) -> bool {
        self.name.parse::<SocketAddr>().is_err()
    }
}

/// Returns the addresses of one family where a host has both: of the first that accepts a connection, or of the first one listed.
async fn one_family(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().copied() else {
        return addresses;
    };
    let other = addresses
        .iter()
        .find(|address| address.is_ipv4() != first.is_ipv4());
    let Some(other) = other.copied() else {
        return addresses;
    };
    let mut family = first;
    for candidate in [first, other] {
        let connected = timeout(FAMILY_LIMIT, TcpStream::connect(candidate)).await;
        if matches!(connected, Ok(Ok(_))) {
            family = candidate;
            break;
        }
    }
    let same = |address: &SocketAddr| address.is_ipv4() == family.is_ipv4();
    addresses.into_iter().filter(same).collect()
}

/// Resolves the names now, in growing pauses while a connection is missing, and else now and then, until the directory is gone.
/// Providers whose address is gone finish the calls that they have.
pub(super) async fn keep_resolved(directory: Weak<Directory>, mut targets: Targets) {
    let Some(ended) = directory
        .upgrade()
        .map(|directory| directory.ended().clone())
    else {
        return;
    };
    let following = async {
        let mut pause = FIRST_PAUSE;
        loop {
            targets.resolve().await;
            match directory.upgrade() {
                Some(directory) => directory.replace(targets.listings()),
                None => return,
            }
            if lost_within(&directory, REFRESH.mul_f64(0.75 + fastrand::f64() / 2.0)).await {
                sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
                pause = (pause * 2).min(REFRESH);
            } else {
                pause = FIRST_PAUSE;
            }
        }
    };
    tokio::select! {
        () = following => {}
        () = ended.cancelled() => {}
    }
}

/// Waits for so long, or until a provider has no connection where one was tried. True for the latter.
async fn lost_within(directory: &Weak<Directory>, limit: Duration) -> bool {
    let Some(changed) = directory.upgrade().map(|directory| {
        let context = directory.context();
        Arc::clone(&context.changed)
    }) else {
        return false;
    };
    let lost = async {
        loop {
            let turn = changed.notified();
            let mut turn = std::pin::pin!(turn);
            // Listening starts before looking, so that a change in between is not missed.
            turn.as_mut().enable();
            let is_lost = directory
                .upgrade()
                .is_some_and(|directory| directory.endpoints().iter().any(|e| e.is_lost()));
            if is_lost {
                return;
            }
            turn.await;
        }
    };
    timeout(limit, lost).await.is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use parking_lot::Mutex;
    use test_servers::{LONG, eventually};
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::consumer::endpoint::EndpointContext;

    fn addresses(targets: &Targets) -> Vec<(String, Option<String>)> {
        let listings = targets.listings().into_iter();
        listings.map(|l| (l.address, l.authority)).collect()
    }

    #[test]
    fn addresses_are_listed_once_and_need_no_resolver() {
        let targets = Targets::new("127.0.0.1:1, [::1]:2,127.0.0.1:1,");
        assert!(!targets.has_names());
        let expected = ["127.0.0.1:1", "[::1]:2"].map(|address| (address.to_owned(), None));
        assert_eq!(addresses(&targets), expected);
    }

    #[tokio::test]
    async fn a_name_stands_for_its_addresses_and_for_itself_until_it_has_any() {
        let mut targets = Targets::new("localhost:1,no-such-host.invalid:2");
        assert!(targets.has_names());
        targets.resolve().await;
        let found = addresses(&targets);
        let last = found.last().unwrap();
        let unresolved = "no-such-host.invalid:2".to_owned();
        assert_eq!(last, &(unresolved.clone(), Some(unresolved)));
        for (address, authority) in &found[..found.len() - 1] {
            assert!(address.parse::<SocketAddr>().unwrap().ip().is_loopback());
            assert_eq!(authority.as_deref(), Some("localhost:1"));
        }
        assert!(found.len() > 1, "{found:?}");
    }

    #[tokio::test]
    async fn a_host_of_two_families_is_called_on_the_one_that_accepts() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let v4: SocketAddr = ([127, 0, 0, 1], port).into();
        let v6: SocketAddr = (std::net::Ipv6Addr::LOCALHOST, port).into();
        assert_eq!(one_family(vec![v6, v4]).await, [v4]);
        assert_eq!(one_family(vec![v4, v6]).await, [v4]);
    }

    /// Waits until the directory has exactly these providers.
    async fn lists(directory: &Directory, expected: &[SocketAddr]) {
        let began = Instant::now();
        loop {
            let endpoints = directory.endpoints();
            let found: Vec<_> = endpoints.iter().map(|e| e.address().to_owned()).collect();
            let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
            if found == expected {
                return;
            }
            let waited = began.elapsed();
            assert!(
                waited < Duration::from_secs(30),
                "{found:?}, not {expected:?}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_name_is_resolved_again_when_its_provider_is_lost() {
        let gone: SocketAddr = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let there = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = there.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(Ok(vec![gone])));
        let mut targets = Targets::new("greeter:20000");
        let told = Arc::clone(&answer);
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        targets.resolver = Box::new(move |name| {
            assert_eq!(name, "greeter:20000");
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = told
                .lock()
                .clone()
                .map_err(|()| io::ErrorKind::NotFound.into());
            Box::pin(async { answer })
        });
        let directory = Arc::new(Directory::new(0, EndpointContext::for_test()));
        let task = tokio::spawn(keep_resolved(Arc::downgrade(&directory), targets));
        lists(&directory, &[gone]).await;
        *answer.lock() = Err(());
        let before = asked.load(Ordering::Relaxed);
        eventually(LONG, "the name is asked for in vain", async || {
            asked.load(Ordering::Relaxed) >= before + 2
        })
        .await;
        lists(&directory, &[gone]).await;
        *answer.lock() = Ok(vec![there]);
        lists(&directory, &[there]).await;
        drop(directory);
        let ended = timeout(Duration::from_secs(30), task).await;
        assert!(ended.is_ok(), "it ends with the directory");
    }
}
