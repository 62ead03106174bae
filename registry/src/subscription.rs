//! The live list of a service's providers.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Error, ProviderEntry, Rules};

/// What a subscription knows at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) providers: Arc<[ProviderEntry]>,
    pub(crate) rules: Arc<Rules>,
    /// False until the registry has answered.
    pub(crate) is_known: bool,
}

/// The providers of one service and the rules for them, kept up to date until this is dropped.
///
/// The list is ordered by address and holds each address once. It starts empty, keeps its last content while the registry
/// is away, and marks its last resort (see [`ProviderEntry::listed`]).
#[derive(Debug)]
pub struct Subscription {
    snapshot: watch::Receiver<Snapshot>,
    _ends_with_this: DropGuard,
}

impl Subscription {
    pub(crate) fn new() -> (watch::Sender<Snapshot>, CancellationToken, Self) {
        let (sender, snapshot) = watch::channel(Snapshot::default());
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        (
            sender,
            ended,
            Self {
                snapshot,
                _ends_with_this: guard,
            },
        )
    }

    /// Returns the list as it is now.
    pub fn providers(&self) -> Arc<[ProviderEntry]> {
        self.snapshot.borrow().providers.clone()
    }

    /// Returns the rules as they are now.
    pub fn rules(&self) -> Arc<Rules> {
        self.snapshot.borrow().rules.clone()
    }

    /// Waits for the next change of the list or of the rules, and returns the list.
    ///
    /// # Errors
    /// [`Error::Closed`] when the registry was closed.
    pub async fn changed(&mut self) -> Result<Arc<[ProviderEntry]>, Error> {
        self.snapshot.changed().await.map_err(|_| Error::Closed)?;
        Ok(self.snapshot.borrow_and_update().providers.clone())
    }

    /// Waits until there is a provider and returns the list.
    ///
    /// # Errors
    /// [`Error::Closed`] when the registry was closed.
    pub async fn available(&mut self) -> Result<Arc<[ProviderEntry]>, Error> {
        let snapshot = self
            .snapshot
            .wait_for(|snapshot| !snapshot.providers.is_empty())
            .await;
        snapshot
            .map(|snapshot| snapshot.providers.clone())
            .map_err(|_| Error::Closed)
    }
}
