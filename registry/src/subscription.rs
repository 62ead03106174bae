//! The live list of a service's providers.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Error, Provider};

/// The providers of one service, kept up to date until this is dropped.
///
/// The list is ordered by address and holds each address once. It starts empty, keeps its last content while the registry
/// is away, and marks its last resort (see [`Provider::listed`]).
#[derive(Debug)]
pub struct Subscription {
    providers: watch::Receiver<Arc<[Provider]>>,
    _ends_with_this: DropGuard,
}

impl Subscription {
    pub(crate) fn new() -> (watch::Sender<Arc<[Provider]>>, CancellationToken, Self) {
        let (sender, providers) = watch::channel(Arc::from([]));
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        (
            sender,
            ended,
            Self {
                providers,
                _ends_with_this: guard,
            },
        )
    }

    /// Returns the list as it is now.
    pub fn providers(&self) -> Arc<[Provider]> {
        self.providers.borrow().clone()
    }

    /// Waits for the next change and returns the list.
    ///
    /// # Errors
    /// [`Error::Closed`] when the registry was closed.
    pub async fn changed(&mut self) -> Result<Arc<[Provider]>, Error> {
        self.providers.changed().await.map_err(|_| Error::Closed)?;
        Ok(self.providers.borrow_and_update().clone())
    }

    /// Waits until there is a provider and returns the list.
    ///
    /// # Errors
    /// [`Error::Closed`] when the registry was closed.
    pub async fn available(&mut self) -> Result<Arc<[Provider]>, Error> {
        let list = self
            .providers
            .wait_for(|providers| !providers.is_empty())
            .await;
        list.map(|list| list.clone()).map_err(|_| Error::Closed)
    }
}
