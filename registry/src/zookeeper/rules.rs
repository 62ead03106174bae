//! Follows the rules for one service, and hands its providers on together with them.
//!
//! A list is held back until the rules of its applications have been read, so that no call goes where a rule forbids it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{node::ZkClient, path, session::SessionHandle, url};
use crate::{
    Error, Malformed, Observer, ProviderEntry, Reference, Rules, rules::Source,
    subscription::Snapshot, supervise::supervise_until,
};

/// How long a list waits for rules that cannot be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pause before a rule that could not be read is read again on the same connection.
const RETRY: Duration = Duration::from_secs(5);

/// The task between what is found and one subscription.
#[derive(Debug)]
pub(super) struct RuleFollower {
    reference: Reference,
    found: watch::Receiver<Arc<[ProviderEntry]>>,
    list: watch::Sender<Snapshot>,
    observer: Arc<dyn Observer>,
    session_handle: SessionHandle,
    rules: Rules,
    /// What was found at each place when it was read last; `None` for nothing, or where it could not be read.
    read: BTreeMap<Location, Option<Content>>,
    /// The names of the URLs that are skipped.
    skipped: BTreeSet<String>,
    /// Since when the newest list waits.
    held: Option<Instant>,
    failure: String,
}

/// Where rules stand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Location {
    /// A node of Dubbo's configuration.
    Rule(Source),
    /// The overrides among the nodes of the interface.
    Urls,
}

impl Location {
    fn path(&self, reference: &Reference) -> String {
        match self {
            Self::Rule(source) => path::rule(&source.node(reference)),
            Self::Urls => path::configurators(reference.interface()),
        }
    }
}

/// What was found at a location.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Data(Vec<u8>),
    /// The names of its children.
    Names(Vec<String>),
}

/// What came of reading a location.
type Told = (Location, Result<Option<Content>, Error>);

impl RuleFollower {
    pub(super) fn new(
        reference: Reference,
        found: watch::Receiver<Arc<[ProviderEntry]>>,
        list: watch::Sender<Snapshot>,
        observer: Arc<dyn Observer>,
        session_handle: SessionHandle,
    ) -> Self {
        Self {
            reference,
            found,
            list,
            observer,
            session_handle,
            rules: Rules::default(),
            read: BTreeMap::new(),
            skipped: BTreeSet::new(),
            held: None,
            failure: String::new(),
        }
    }

    /// Follows the rules until `ended` or `closing`, or until nothing is found any more.
    pub(super) async fn run(mut self, ended: CancellationToken, closing: CancellationToken) {
        let observer = Arc::clone(&self.observer);
        supervise_until(
            [ended, closing],
            "rules",
            || observer.panicked(),
            &mut self,
            |this| Box::pin(this.keep()),
        )
        .await;
    }

    async fn keep(&mut self) {
        let mut session_handle = self.session_handle.clone();
        loop {
            tokio::select! {
                established = session_handle.established(|_| {}) => {
                    let Some((zk, session)) = established else {
                        return;
                    };
                    self.session_handle.set_session(session);
                    let mut reads = Reads::new(zk);
                    reads.watch(&self.reference, &self.locations());
                    tokio::select! {
                        biased;
                        () = session_handle.changed() => {}
                        () = self.work(Some(&mut reads)) => return,
                    }
                }
                () = self.work(None) => return,
            }
        }
    }

    /// Hands lists and rules on until nothing is found any more.
    async fn work(&mut self, mut reads: Option<&mut Reads>) {
        loop {
            let held_until = self.held.map(|since| since + PATIENCE);
            tokio::select! {
                found = self.found.changed() => {
                    if found.is_err() {
                        return;
                    }
                    self.held.get_or_insert_with(Instant::now);
                    self.rules.retain(&self.sources());
                    let locations = self.locations();
                    self.read.retain(|location, _| locations.contains(location));
                    if let Some(reads) = &mut reads {
                        reads.watch(&self.reference, &locations);
                    }
                }
                told = told(reads.as_deref_mut()) => match told {
                    Some(told) => self.take(told),
                    // The client panics in a watch whose session task is gone.
                    None => self.session_handle.give_up(),
                },
                () = sleep_until(held_until.unwrap_or_else(Instant::now)), if held_until.is_some() => {
                    warn!("the rules of {} could not be read in time: its providers are called without them", self.reference);
                    self.publish();
                }
            }
            let is_read = |location| self.read.contains_key(location);
            if self.held.is_some() && self.locations().iter().all(is_read) {
                self.publish();
            }
        }
    }

    /// Returns where rules for the newest list may stand.
    fn sources(&self) -> Vec<Source> {
        let providers = self.found.borrow();
        let applications: BTreeSet<_> = providers.iter().map(|p| p.application.as_str()).collect();
        let named: Vec<_> = applications.into_iter().filter(|a| !a.is_empty()).collect();
        Source::all(&self.reference, &named)
    }

    fn locations(&self) -> Vec<Location> {
        let rules = self.sources().into_iter().map(Location::Rule);
        rules.chain([Location::Urls]).collect()
    }

    fn take(&mut self, (location, found): Told) {
        let node = location.path(&self.reference);
        let content = match found {
            Ok(content) => content,
            Err(error) => {
                self.failed(&node, &error);
                // The rule that was read last stays in force.
                self.read.entry(location).or_default();
                return;
            }
        };
        let before = self.read.insert(location.clone(), content.clone());
        if before.as_ref() == Some(&content) {
            return;
        }
        match (&location, &content) {
            (Location::Rule(source), Some(Content::Data(data))) => {
                match self.rules.set(source, Some(data)) {
                    Ok(()) => info!("{node} is applied"),
                    Err(reason) => self.skip(&node, &reason),
                }
            }
            (Location::Rule(source), _) => {
                if self.rules.set(source, None).is_ok() && before.is_some() {
                    info!("{node} is gone");
                }
            }
            (Location::Urls, Some(Content::Names(names))) => self.take_urls(&node, names),
            (Location::Urls, _) => self.take_urls(&node, &[]),
        }
        // Without a list there is nothing yet that rules are for.
        if self.held.is_none() && self.list.borrow().is_known {
            self.publish();
        }
    }

    fn take_urls(&mut self, node: &str, names: &[String]) {
        let (mut urls, mut sources, mut malformed) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            match url::decoded(name) {
                Ok(url) => {
                    urls.push(url);
                    sources.push(name);
                }
                Err(reason) => malformed.push((name, reason)),
            }
        }
        let skipped = self.rules.set_urls(&urls).into_iter();
        malformed.extend(skipped.map(|(index, reason)| (sources[index], reason)));
        if !names.is_empty() {
            let applied = names.len() - malformed.len();
            info!("the {applied} overrides below {node} are applied");
        }
        let known = std::mem::take(&mut self.skipped);
        for (name, reason) in malformed {
            if !known.contains(name) {
                self.skip(&format!("{node}/{name}"), &reason);
            }
            self.skipped.insert(name.clone());
        }
    }

    fn skip(&self, node: &str, reason: &Malformed) {
        warn!("{node} is skipped: {reason}");
        self.observer.malformed(node, reason);
    }

    fn failed(&mut self, node: &str, error: &Error) {
        if self.session_handle.explains(error) {
            return;
        }
        let text = error.to_string();
        if self.failure == text {
            debug!("{text}");
        } else {
            warn!("{node} is not followed: {text}; trying again");
            self.failure = text;
        }
    }

    fn publish(&mut self) {
        self.held = None;
        let snapshot = Snapshot {
            providers: self.found.borrow().clone(),
            rules: Arc::new(self.rules.clone()),
            is_known: true,
        };
        self.list.send_replace(snapshot);
    }
}

/// Returns what is read next; `None` when a reading task has died.
async fn told(reads: Option<&mut Reads>) -> Option<Told> {
    match reads {
        Some(reads) => reads.next().await,
        None => std::future::pending().await,
    }
}

/// The rules that are followed on one connection, each by a task.
#[derive(Debug)]
struct Reads {
    zk: ZkClient,
    tasks: JoinSet<()>,
    followed: BTreeMap<Location, AbortHandle>,
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
}

impl Reads {
    fn new(zk: ZkClient) -> Self {
        let (tell, told) = mpsc::channel(8);
        Self {
            zk,
            tasks: JoinSet::new(),
            followed: BTreeMap::new(),
            tell,
            told,
        }
    }

    /// Watches what stands at these locations, and at no others.
    fn watch(&mut self, reference: &Reference, locations: &[Location]) {
        self.followed.retain(|location, task| {
            let wanted = locations.contains(location);
            if !wanted {
                task.abort();
            }
            wanted
        });
        for location in locations {
            if !self.followed.contains_key(location) {
                let node = location.path(reference);
                let (zk, tell) = (self.zk.clone(), self.tell.clone());
                let task = self
                    .tasks
                    .spawn(watch_location(zk, node, location.clone(), tell));
                self.followed.insert(location.clone(), task);
            }
        }
    }

    async fn next(&mut self) -> Option<Told> {
        loop {
            tokio::select! {
                told = self.told.recv() => return told,
                Some(ended) = self.tasks.join_next() => match ended {
                    Err(error) if error.is_panic() => return None,
                    _ => {}
                }
            }
        }
    }
}

/// Reads what stands at one location, and again whenever it changes.
async fn watch_location(zk: ZkClient, node: String, location: Location, tell: mpsc::Sender<Told>) {
    loop {
        let read = match location {
            Location::Rule(_) => zk
                .read(&node)
                .await
                .map(|(found, watcher)| (found.map(|(data, _)| Content::Data(data)), watcher)),
            Location::Urls => zk.list(&node).await.map(|(found, watcher)| {
                let names = found.map(|mut names| {
                    names.sort_unstable();
                    Content::Names(names)
                });
                (names, watcher)
            }),
        };
        let (found, watcher) = match read {
            Ok((found, watcher)) => (Ok(found), Some(watcher)),
            Err(error) => (Err(error), None),
        };
        if tell.send((location.clone(), found)).await.is_err() {
            return;
        }
        match watcher {
            Some(watcher) => watcher.changed().await,
            None => sleep(RETRY).await,
        }
    }
}
