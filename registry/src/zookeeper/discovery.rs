//! Follows one service: makes the reads that its view asks for, on whatever session there is, until its subscription is
//! dropped.

use std::sync::Arc;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    metadata_cache::MetadataCache,
    node::ZkClient,
    path,
    session::SessionHandle,
    view::{Found, Published, Read, View},
    watch::Watch,
};
use crate::{
    Error, Malformed, Notification, Observer, ProviderEntry, instance::Storage,
    supervise::supervise_until,
};

/// How many nodes are read at once. The server answers in order; more would only grow its queue. Questions for metadata don't
/// count, since an instance may take its time to answer.
const MAX_READS: usize = 64;

/// The task behind one subscription.
#[derive(Debug)]
pub(super) struct Discovery {
    pub(super) view: View,
    pub(super) list: watch::Sender<Arc<[ProviderEntry]>>,
    pub(super) metadata: Arc<MetadataCache>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) session_handle: SessionHandle,
}

/// What came of one read.
struct Outcome {
    read: Read,
    found: Result<Option<Found>, Error>,
    watcher: Option<Watch>,
    malformed: Option<(String, i64, Malformed)>,
}

/// What one connection has to report, once.
struct Report {
    began: Instant,
    failure: String,
    subscribed: bool,
}

impl Discovery {
    /// Follows the service until `ended` or `closing`.
    pub(super) async fn run(mut self, ended: CancellationToken, closing: CancellationToken) {
        let observer = Arc::clone(&self.observer);
        supervise_until(
            [ended, closing],
            "discovery",
            || observer.panicked(),
            &mut self,
            |this| Box::pin(this.keep()),
        )
        .await;
    }

    async fn keep(&mut self) {
        let mut session_handle = self.session_handle.clone();
        let mut watches = JoinSet::new();
        let mut known_client = 0;
        while let Some((zk, session)) = session_handle.established(|_| {}).await {
            self.session_handle.set_session(session);
            let client = session_handle.client();
            let new_client = std::mem::replace(&mut known_client, client) != client;
            if new_client {
                watches = JoinSet::new();
            }
            self.view.start(new_client, Instant::now());
            tokio::select! {
                biased;
                () = session_handle.changed() => {}
                () = self.work(&zk, &mut watches, new_client) => {}
            }
        }
    }

    /// Works on one connection.
    async fn work(&mut self, zk: &ZkClient, watches: &mut JoinSet<Read>, new_client: bool) {
        let mut reads = FuturesUnordered::new();
        let mut questions = 0;
        let mut report = Report {
            began: Instant::now(),
            failure: String::new(),
            subscribed: !new_client,
        };
        loop {
            let now = Instant::now();
            while reads.len() - questions < MAX_READS
                && let Some((read, watch)) = self.view.next(now)
            {
                let storage = match &read {
                    Read::Metadata {
                        application,
                        revision,
                    } => {
                        questions += 1;
                        self.view.storage(application, revision)
                    }
                    _ => None,
                };
                let interface = self.view.reference().interface().to_owned();
                reads.push(perform(
                    zk,
                    Arc::clone(&self.metadata),
                    interface,
                    read,
                    watch,
                    storage,
                ));
            }
            self.publish(now, &mut report);
            let wakes_at = self
                .view
                .wakes_at()
                .filter(|_| reads.len() - questions < MAX_READS);
            tokio::select! {
                Some(outcome) = reads.next(), if !reads.is_empty() => {
                    questions -= usize::from(matches!(outcome.read, Read::Metadata { .. }));
                    self.take(outcome, watches, &mut report);
                }
                Some(fired) = watches.join_next(), if !watches.is_empty() => match fired {
                    Ok(read) => self.view.changed(&read, Instant::now()),
                    // The client panics in a watch whose session task is gone.
                    Err(_) => self.session_handle.give_up(),
                },
                () = sleep_until(wakes_at.unwrap_or(now)), if wakes_at.is_some() => {}
                else => std::future::pending().await,
            }
        }
    }

    fn take(&mut self, outcome: Outcome, watches: &mut JoinSet<Read>, report: &mut Report) {
        let Outcome {
            read,
            found,
            watcher,
            malformed,
        } = outcome;
        if let Some(watcher) = watcher {
            let read = read.clone();
            watches.spawn(async move {
                watcher.changed().await;
                read
            });
        }
        if let Some((path, modified, reason)) = malformed {
            self.view.report(path, modified, reason);
        }
        let found = found.unwrap_or_else(|error| {
            self.failed(&error, report);
            None
        });
        self.view.answer(&read, found, Instant::now());
        for (path, reason) in self.view.malformed_nodes() {
            warn!("{path} is skipped: {reason}");
            self.observer.malformed(&path, &reason);
        }
    }

    fn publish(&mut self, now: Instant, report: &mut Report) {
        let published = self.view.publish(now);
        if self.view.is_complete() && !std::mem::replace(&mut report.subscribed, true) {
            self.observer
                .subscribed(self.view.reference(), Ok(()), report.began.elapsed());
        }
        let Some(Published {
            providers,
            listed,
            since,
        }) = published
        else {
            return;
        };
        let last_resort = providers.iter().filter(|provider| !provider.listed).count();
        let notification = Notification {
            listed,
            valid: providers.len(),
            last_resort,
            elapsed: since.elapsed(),
        };
        let reference = self.view.reference();
        if last_resort > 0 && last_resort == providers.len() {
            warn!(%reference, providers = last_resort, "the list has become empty; the last known providers stay in use for a while");
        } else if last_resort > 0 {
            warn!(
                %reference,
                listed = providers.len() - last_resort,
                providers = last_resort,
                "the list has lost more than half of its providers at once; they stay in use until they fail or the list is confirmed"
            );
        } else {
            info!(%reference, providers = notification.valid, "providers");
        }
        self.list.send_replace(providers.into());
        self.observer.notified(reference, notification);
    }

    fn failed(&mut self, error: &Error, report: &mut Report) {
        if self.session_handle.explains(error) {
            return;
        }
        let text = error.to_string();
        if report.failure == text {
            debug!("{text}");
        } else {
            warn!(
                "providers of {} are not known: {text}; trying again",
                self.view.reference()
            );
            report.failure = text;
        }
        self.observer
            .subscribed(self.view.reference(), Err(error), report.began.elapsed());
    }
}

/// Makes one read.
async fn perform(
    zk: &ZkClient,
    metadata: Arc<MetadataCache>,
    interface: String,
    read: Read,
    watch: bool,
    storage: Option<Storage>,
) -> Outcome {
    let (mut watcher, mut malformed) = (None, None);
    let found = match &read {
        Read::Mapping => data(zk, &path::mapping(&interface), watch, &mut watcher).await,
        Read::Urls => children(zk, &path::providers(&interface), watch, &mut watcher).await,
        Read::Instances { application } => {
            children(zk, &path::instances(application), watch, &mut watcher).await
        }
        Read::Instance { application, node } => {
            // An instance that is gone is not waited for: the list that named it is watched.
            zk.peek(&path::instance(application, node), watch)
                .await
                .map(|found| match found {
                    Some((data, stat, set)) => {
                        watcher = set;
                        Some(Found::Data {
                            data,
                            modified: stat.mzxid,
                        })
                    }
                    None => Some(Found::Absent),
                })
        }
        Read::Metadata {
            application,
            revision,
        } => {
            let storage = storage.unwrap_or(Storage::Nowhere);
            let asked = metadata.get(zk, application, revision, storage).await;
            malformed = asked.malformed;
            Ok(asked.info.map(Found::Metadata))
        }
    };
    Outcome {
        read,
        found,
        watcher,
        malformed,
    }
}

async fn data(
    zk: &ZkClient,
    path: &str,
    watch: bool,
    watcher: &mut Option<Watch>,
) -> Result<Option<Found>, Error> {
    let node = if watch {
        let (node, set) = zk.read(path).await?;
        *watcher = Some(set);
        node
    } else {
        zk.peek(path, false)
            .await?
            .map(|(data, stat, _)| (data, stat))
    };
    Ok(Some(node.map_or(Found::Absent, |(data, stat)| {
        Found::Data {
            data,
            modified: stat.mzxid,
        }
    })))
}

async fn children(
    zk: &ZkClient,
    path: &str,
    watch: bool,
    watcher: &mut Option<Watch>,
) -> Result<Option<Found>, Error> {
    let children = if watch {
        let (children, set) = zk.list(path).await?;
        *watcher = Some(set);
        children
    } else {
        zk.children(path).await?
    };
    Ok(Some(children.map_or(Found::Absent, Found::Children)))
}
