//! A registry within one process, for demonstrations and tests.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Announcement, Notification, Observer, ProviderEntry, Reference, Registration, Registry, Rules,
    ScrapeTarget, SessionEvent, Subscription,
    announcement::AnnouncementReporter,
    provider::{ordered, weight},
    rules::Source,
    subscription::Snapshot,
};

/// A registry in memory: what one participant announces, every participant of the same registry sees at once.
///
/// Each participant is a session of its own, as each process is on ZooKeeper: [`join`](Self::join) makes another one, a
/// clone is the same one. Lists are exact; there is no last resort, since nothing can be lost. Announcing and subscribing
/// need a tokio runtime.
#[derive(Clone)]
pub struct MemoryRegistry {
    shared: Arc<Shared>,
    session: Arc<Session>,
}

struct Shared {
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    next_key: u64,
    registrations: BTreeMap<u64, Registration>,
    targets: BTreeMap<u64, ScrapeTarget>,
    subscribers: BTreeMap<u64, Subscriber>,
    /// How many consumers of each interface have been given a number.
    numbered: BTreeMap<String, u32>,
    /// By the names of their nodes.
    rules: BTreeMap<String, String>,
}

struct Subscriber {
    reference: Reference,
    list: watch::Sender<Snapshot>,
    observer: Arc<dyn Observer>,
}

struct Session {
    observer: Arc<dyn Observer>,
    closed: CancellationToken,
    tasks: TaskTracker,
}

impl Default for MemoryRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.shared.content.lock();
        f.debug_struct("MemoryRegistry")
            .field("registrations", &content.registrations.len())
            .field("targets", &content.targets.len())
            .field("subscribers", &content.subscribers.len())
            .finish()
    }
}

impl MemoryRegistry {
    /// Makes an empty registry and its first participant.
    pub fn new() -> Self {
        Self::observed(Arc::new(()))
    }

    /// Makes an empty registry and its first participant, whose doings are reported to `observer`.
    pub fn observed(observer: Arc<dyn Observer>) -> Self {
        let shared = Arc::new(Shared {
            content: Mutex::default(),
        });
        Self::participant(shared, observer)
    }

    /// Makes another participant of the same registry.
    pub fn join(&self, observer: Arc<dyn Observer>) -> Self {
        Self::participant(Arc::clone(&self.shared), observer)
    }

    /// Returns the metrics endpoints that are announced, in the order of their announcement.
    pub fn targets(&self) -> Vec<ScrapeTarget> {
        self.shared
            .content
            .lock()
            .targets
            .values()
            .cloned()
            .collect()
    }

    /// Publishes a rule by its name in Dubbo's configuration, such as `my-app.tag-router`, as Dubbo Admin does; an empty text takes it
    /// back.
    pub fn publish_rule(&self, name: &str, text: &str) {
        self.shared.change(|content, _| {
            content.rules.insert(name.to_owned(), text.to_owned());
        });
    }

    fn participant(shared: Arc<Shared>, observer: Arc<dyn Observer>) -> Self {
        observer.session(SessionEvent::Established);
        Self {
            shared,
            session: Arc::new(Session {
                observer,
                closed: CancellationToken::new(),
                tasks: TaskTracker::new(),
            }),
        }
    }

    /// Adds an entry now and removes it when it is withdrawn or the session ends.
    fn announce(
        &self,
        add: impl FnOnce(&mut Content, u64),
        remove: impl FnOnce(&mut Content, u64, &dyn Observer) + Send + 'static,
    ) -> Announcement {
        if self.session.closed.is_cancelled() {
            return AnnouncementReporter::closed();
        }
        let (reporter, announcement) = AnnouncementReporter::new();
        let key = self.shared.change(add);
        reporter.announced();
        let (shared, observer) = (Arc::clone(&self.shared), Arc::clone(&self.session.observer));
        let (closed, withdrawal) = (self.session.closed.clone(), reporter.withdrawal());
        self.session.tasks.spawn(async move {
            tokio::select! {
                () = withdrawal.cancelled() => {}
                () = closed.cancelled() => {}
            }
            shared.change(|content, _| remove(content, key, &*observer));
            reporter.ended();
        });
        announcement
    }
}

impl Shared {
    /// Changes the content under a fresh key, and gives every subscriber whose list is now another one the new list.
    fn change(&self, change: impl FnOnce(&mut Content, u64)) -> u64 {
        let mut content = self.content.lock();
        content.next_key += 1;
        let key = content.next_key;
        change(&mut content, key);
        let Content {
            registrations,
            subscribers,
            rules,
            ..
        } = &*content;
        for subscriber in subscribers.values() {
            subscriber.notify(registrations.values(), rules);
        }
        key
    }
}

impl Subscriber {
    fn notify<'a>(
        &self,
        registrations: impl Iterator<Item = &'a Registration>,
        texts: &BTreeMap<String, String>,
    ) {
        let list = providers(&self.reference, registrations);
        let valid = list.len();
        let rules = self.rules(&list, texts);
        let mut changed = false;
        self.list.send_if_modified(|current| {
            changed = *current.providers != *list;
            if changed {
                current.providers = list.into();
            }
            let ruled = rules.is_some();
            if let Some(rules) = rules {
                current.rules = rules.into();
            }
            changed || ruled
        });
        if changed {
            let notification = Notification {
                listed: valid,
                valid,
                last_resort: 0,
                elapsed: Duration::ZERO,
            };
            self.observer.notified(&self.reference, notification);
        }
    }
}

impl Subscriber {
    /// Returns the rules for a list of providers; `None` where there have never been any.
    fn rules(&self, list: &[ProviderEntry], texts: &BTreeMap<String, String>) -> Option<Rules> {
        let mut applications: Vec<_> = list.iter().map(|p| p.application.as_str()).collect();
        applications.sort_unstable();
        applications.dedup();
        let mut rules = Rules::default();
        let mut any = false;
        for source in Source::all(&self.reference, &applications) {
            let Some(text) = texts.get(&source.node(&self.reference)) else {
                continue;
            };
            any = true;
            if let Err(reason) = rules.set(&source, Some(text.as_bytes())) {
                let node = source.node(&self.reference);
                self.observer.malformed(&node, &reason);
            }
        }
        any.then_some(rules)
    }
}

fn providers<'a>(
    reference: &Reference,
    registrations: impl Iterator<Item = &'a Registration>,
) -> Vec<ProviderEntry> {
    let list = registrations.filter_map(|registration| {
        let service = registration.metadata().find(reference)?.clone();
        let mut params = service.params;
        let timestamp = || registration.timestamp();
        params.entry("timestamp".into()).or_insert_with(timestamp);
        Some(ProviderEntry {
            host: registration.host().to_owned(),
            port: registration.port(),
            application: registration.application().to_owned(),
            interface: service.name,
            group: service.group,
            version: service.version,
            weight: weight(&params),
            listed: true,
            params: Arc::new(params),
        })
    });
    ordered(list.collect())
}

impl Registry for MemoryRegistry {
    fn register(&self, registration: Registration) -> Announcement {
        let observed = registration.clone();
        let announcement = self.announce(
            move |content, key| drop(content.registrations.insert(key, registration)),
            |content, key, observer| {
                if let Some(registration) = content.registrations.remove(&key) {
                    observer.withdrawn(&registration);
                }
            },
        );
        let failure = announcement.failure();
        self.session.observer.registered(
            &observed,
            failure.as_ref().map_or(Ok(()), Err),
            Duration::ZERO,
        );
        announcement
    }

    fn subscribe(&self, reference: Reference) -> Subscription {
        let (list, ended, subscription) = Subscription::new();
        if self.session.closed.is_cancelled() {
            return subscription;
        }
        self.session
            .observer
            .subscribed(&reference, Ok(()), Duration::ZERO);
        let subscriber = Subscriber {
            reference,
            list,
            observer: Arc::clone(&self.session.observer),
        };
        let key = self
            .shared
            .change(|content, key| drop(content.subscribers.insert(key, subscriber)));
        let (shared, closed): (Weak<Shared>, _) =
            (Arc::downgrade(&self.shared), self.session.closed.clone());
        self.session.tasks.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = closed.cancelled() => {}
            }
            if let Some(shared) = shared.upgrade() {
                shared.content.lock().subscribers.remove(&key);
            }
        });
        subscription
    }

    fn number(&self, reference: &Reference) -> BoxFuture<'static, Option<u32>> {
        let (shared, interface) = (Arc::clone(&self.shared), reference.interface().to_owned());
        Box::pin(async move {
            let mut content = shared.content.lock();
            let next = content.numbered.entry(interface).or_default();
            let number = *next;
            *next = next.wrapping_add(1);
            Some(number)
        })
    }

    fn expose(&self, target: ScrapeTarget) -> Announcement {
        let observed = target.clone();
        let announcement = self.announce(
            move |content, key| drop(content.targets.insert(key, target)),
            |content, key, _| drop(content.targets.remove(&key)),
        );
        let failure = announcement.failure();
        self.session.observer.exposed(
            &observed,
            failure.as_ref().map_or(Ok(()), Err),
            Duration::ZERO,
        );
        announcement
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.session.closed.is_cancelled() {
                return;
            }
            self.session.closed.cancel();
            self.session.tasks.close();
            self.session.tasks.wait().await;
            self.session.observer.session(SessionEvent::Closed);
        })
    }
}

#[cfg(test)]
mod tests;
