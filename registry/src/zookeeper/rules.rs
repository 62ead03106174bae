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

use super::{node::Nodes, path, session::Connection};
use crate::{
    Error, Observer, Provider, Reference, Rules, rules::Source, subscription::Snapshot,
    supervise::supervise_until,
};

/// How long a list waits for rules that cannot be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pause before a rule that could not be read is read again on the same connection.
const RETRY: Duration = Duration::from_secs(5);

/// The task between what is found and one subscription.
#[derive(Debug)]
pub(super) struct RuleFollower {
    reference: Reference,
    found: watch::Receiver<Arc<[Provider]>>,
    list: watch::Sender<Snapshot>,
    observer: Arc<dyn Observer>,
    connection: Connection,
    rules: Rules,
    /// What each rule's node held when it was read last; `None` for none, or one that could not be read.
    read: BTreeMap<Source, Option<Vec<u8>>>,
    /// Since when the newest list waits.
    held: Option<Instant>,
    failure: String,
}

/// What came of reading a rule.
type Told = (Source, Result<Option<Vec<u8>>, Error>);

impl RuleFollower {
    pub(super) fn new(
        reference: Reference,
        found: watch::Receiver<Arc<[Provider]>>,
        list: watch::Sender<Snapshot>,
        observer: Arc<dyn Observer>,
        connection: Connection,
    ) -> Self {
        Self {
            reference,
            found,
            list,
            observer,
            connection,
            rules: Rules::default(),
            read: BTreeMap::new(),
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
        let mut connection = self.connection.clone();
        loop {
            tokio::select! {
                established = connection.established(|_| {}) => {
                    let Some((nodes, session)) = established else {
                        return;
                    };
                    self.connection.follow(session);
                    let mut reads = Reads::new(nodes);
                    reads.follow(&self.reference, &self.sources());
                    tokio::select! {
                        biased;
                        () = connection.changed() => {}
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
                    let sources = self.sources();
                    self.rules.retain(&sources);
                    self.read.retain(|source, _| sources.contains(source));
                    if let Some(reads) = &mut reads {
                        reads.follow(&self.reference, &sources);
                    }
                }
                told = told(reads.as_deref_mut()) => match told {
                    Some(told) => self.take(told),
                    // The client panics in a watch whose session task is gone.
                    None => self.connection.give_up(),
                },
                () = sleep_until(held_until.unwrap_or_else(Instant::now)), if held_until.is_some() => {
                    warn!("the rules of {} could not be read in time: its providers are called without them", self.reference);
                    self.publish();
                }
            }
            let is_read = |source| self.read.contains_key(source);
            if self.held.is_some() && self.sources().iter().all(is_read) {
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

    fn take(&mut self, (source, found): Told) {
        let node = path::rule(&source.node(&self.reference));
        let data = match found {
            Ok(data) => data,
            Err(error) => {
                self.failed(&node, &error);
                // The rule that was read last stays in force.
                self.read.entry(source).or_default();
                return;
            }
        };
        if self.read.get(&source) == Some(&data) {
            return;
        }
        match self.rules.set(&source, data.as_deref()) {
            Ok(()) if data.is_some() => info!("{node} is applied"),
            Ok(()) if self.read.contains_key(&source) => info!("{node} is gone"),
            Ok(()) => {}
            Err(reason) => {
                warn!("{node} is skipped: {reason}");
                self.observer.malformed(&node, &reason);
            }
        }
        self.read.insert(source, data);
        // Without a list there is nothing yet that rules are for.
        if self.held.is_none() && self.list.borrow().is_known {
            self.publish();
        }
    }

    fn failed(&mut self, node: &str, error: &Error) {
        if self.connection.explains(error) {
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
    nodes: Nodes,
    tasks: JoinSet<()>,
    followed: BTreeMap<Source, AbortHandle>,
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
}

impl Reads {
    fn new(nodes: Nodes) -> Self {
        let (tell, told) = mpsc::channel(8);
        Self {
            nodes,
            tasks: JoinSet::new(),
            followed: BTreeMap::new(),
            tell,
            told,
        }
    }

    /// Follows these rules and no others.
    fn follow(&mut self, reference: &Reference, sources: &[Source]) {
        self.followed.retain(|source, task| {
            let wanted = sources.contains(source);
            if !wanted {
                task.abort();
            }
            wanted
        });
        for source in sources {
            if !self.followed.contains_key(source) {
                let node = path::rule(&source.node(reference));
                let (nodes, tell) = (self.nodes.clone(), self.tell.clone());
                let task = self.tasks.spawn(follow(nodes, node, source.clone(), tell));
                self.followed.insert(source.clone(), task);
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

/// Reads one rule, and again whenever it changes.
async fn follow(nodes: Nodes, node: String, source: Source, tell: mpsc::Sender<Told>) {
    loop {
        let (found, watcher) = match nodes.read(&node).await {
            Ok((found, watcher)) => (Ok(found.map(|(data, _)| data)), Some(watcher)),
            Err(error) => (Err(error), None),
        };
        if tell.send((source.clone(), found)).await.is_err() {
            return;
        }
        match watcher {
            Some(watcher) => watcher.changed().await,
            None => sleep(RETRY).await,
        }
    }
}
