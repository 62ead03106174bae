//! The registry on ZooKeeper.

mod backoff;
mod config;
mod connector;
mod desired;
mod discovery;
#[cfg(test)]
mod fuzz;
mod hosts;
mod mapping;
mod metadata_cache;
mod node;
mod owner;
mod path;
mod reachability;
mod registrar;
mod rules;
mod session;
mod tunnel;
mod url;
mod view;
mod watch;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{runtime::Handle, sync::OnceCell};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

pub use self::config::{Auth, NodeAccess, UnknownNodeAccess, ZooKeeperConfig};

use self::{
    config::Address,
    connector::Connector,
    discovery::Discovery,
    metadata_cache::MetadataCache,
    registrar::{Registrar, Subject},
    rules::RuleFollower,
    session::{SessionHandle, Supervisor},
    view::View,
};
use crate::{
    Announcement, Error, MetadataSource, Observer, Reference, Registration, Registry, ScrapeTarget,
    Subscription, announcement::AnnouncementReporter,
};

/// Dubbo's registry on ZooKeeper: application-level registration as dubbo-go 3 and Dubbo 3 read and write it, with
/// interface-level providers read as well.
///
/// It works with ZooKeeper 3.4 and later. Before 3.6 a member of its own whose creation was not confirmed takes more reads to find, and a
/// killed process's node is deleted before the one in its place is made, not in one transaction.
///
/// All the work is done by tasks on the runtime on which it was connected. Clones share one session; when the last one is
/// dropped, it closes as by [`close`](Registry::close), in the background.
#[derive(Clone)]
pub struct ZooKeeperRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    runtime: Handle,
    session_handle: SessionHandle,
    tasks: TaskTracker,
    closing: CancellationToken,
    closed: CancellationToken,
    observer: Arc<dyn Observer>,
    metadata: Arc<MetadataCache>,
    last_resort: Duration,
}

impl ZooKeeperRegistry {
    /// Begins to connect, and returns at once: whether and when ZooKeeper answers is reported to `observer`.
    ///
    /// `metadata` asks instances what they offer; with `()` those that keep their metadata to themselves are taken as they
    /// are.
    ///
    /// # Errors
    /// [`Error::Address`] when the address can't be read, and [`Error::Runtime`] outside of a tokio runtime.
    pub fn connect(
        config: ZooKeeperConfig,
        observer: Arc<dyn Observer>,
        metadata: Arc<dyn MetadataSource>,
    ) -> Result<Self, Error> {
        let ZooKeeperConfig {
            address,
            auth,
            session_timeout,
            last_resort,
            access,
            tls,
        } = config;
        let address: Address = address.parse()?;
        let runtime = Handle::try_current().map_err(|_| Error::Runtime)?;
        let connector = Connector {
            address,
            auth,
            session_timeout,
            access,
            tls,
            tunnel: OnceCell::new(),
        };
        let (supervisor, session_handle) = Supervisor::new(connector, Arc::clone(&observer));
        let inner = Inner {
            runtime: runtime.clone(),
            session_handle,
            tasks: supervisor.tasks.clone(),
            closing: supervisor.closing.clone(),
            closed: supervisor.closed.clone(),
            metadata: Arc::new(MetadataCache::new(metadata, Arc::clone(&observer))),
            observer,
            last_resort,
        };
        runtime.spawn(supervisor.run());
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    fn announce(&self, subject: Subject) -> Announcement {
        if self.inner.closing.is_cancelled() {
            return AnnouncementReporter::closed();
        }
        let (reporter, announcement) = AnnouncementReporter::new();
        self.keep_announced(subject, reporter);
        announcement
    }

    /// Lists a consumer until its subscription has `ended`.
    fn announce_consumer(&self, reference: &Reference, ended: CancellationToken) {
        if reference.is_registered() && !reference.calling_host().is_empty() {
            let (reporter, _) = AnnouncementReporter::until(ended);
            self.keep_announced(Subject::Consumer(reference.clone()), reporter);
        }
    }

    fn keep_announced(&self, subject: Subject, reporter: AnnouncementReporter) {
        let inner = &*self.inner;
        let registrar = Registrar::new(
            subject,
            reporter,
            Arc::clone(&inner.observer),
            inner.session_handle.clone(),
        );
        inner
            .tasks
            .spawn_on(registrar.run(inner.closing.clone()), &inner.runtime);
    }
}

impl Registry for ZooKeeperRegistry {
    fn register(&self, registration: Registration) -> Announcement {
        self.announce(Subject::Provider(registration))
    }

    fn subscribe(&self, reference: Reference) -> Subscription {
        let inner = &*self.inner;
        let (list, ended, subscription) = Subscription::new();
        if !inner.closing.is_cancelled() {
            self.announce_consumer(&reference, ended.clone());
            let (found, providers) = tokio::sync::watch::channel(Arc::from([]));
            let rules = RuleFollower::new(
                reference.clone(),
                providers,
                list,
                Arc::clone(&inner.observer),
                inner.session_handle.clone(),
            );
            let following = rules.run(ended.clone(), inner.closing.clone());
            inner.tasks.spawn_on(following, &inner.runtime);
            let discovery = Discovery {
                view: View::new(reference, inner.last_resort),
                list: found,
                metadata: Arc::clone(&inner.metadata),
                observer: Arc::clone(&inner.observer),
                session_handle: inner.session_handle.clone(),
            };
            inner
                .tasks
                .spawn_on(discovery.run(ended, inner.closing.clone()), &inner.runtime);
        }
        subscription
    }

    fn number(&self, reference: &Reference) -> BoxFuture<'static, Option<u32>> {
        let mut session = self.inner.session_handle.clone();
        let path = path::consumers(reference.interface());
        Box::pin(async move {
            let (zk, _) = session.established(|_| {}).await?;
            match zk.count(&path).await {
                Ok(number) => Some(number),
                Err(error) => {
                    debug!("no number for a consumer: {error}");
                    None
                }
            }
        })
    }

    fn expose(&self, target: ScrapeTarget) -> Announcement {
        self.announce(Subject::ScrapeTarget(target))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.inner.closing.cancel();
            self.inner.closed.cancelled().await;
        })
    }
}

impl fmt::Debug for ZooKeeperRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZooKeeperRegistry")
            .field("closing", &self.inner.closing.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}
