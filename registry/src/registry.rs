//! The interface that providers and consumers use, whatever stands behind it.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::{Announcement, Reference, Registration, ScrapeTarget, Subscription};

/// Where providers announce themselves and consumers find them.
///
/// No method waits for the registry: what it is asked for happens in the background, is tried again until it succeeds, and
/// is done again after a session has ended. So providers, consumers and the registry can start in any order.
pub trait Registry: Send + Sync + fmt::Debug {
    /// Announces a provider until the announcement is withdrawn or the registry closed.
    fn register(&self, registration: Registration) -> Announcement;

    /// Follows the providers of a service until the subscription is dropped or the registry closed.
    fn subscribe(&self, reference: Reference) -> Subscription;

    /// Returns a number that no other consumer of this service has been given: the first one gets 0, the next one 1. Consumers of many
    /// providers start their subsets by it. None where the registry cannot count.
    fn number(&self, reference: &Reference) -> BoxFuture<'static, Option<u32>> {
        let _ = reference;
        Box::pin(async { None })
    }

    /// Announces a metrics endpoint to Prometheus until the announcement is withdrawn or the registry closed.
    fn expose(&self, target: ScrapeTarget) -> Announcement;

    /// Withdraws what was announced through this registry, ends its subscriptions, and leaves.
    ///
    /// Returns when that is confirmed or a deadline of a few seconds has passed; a second call returns at once.
    fn close(&self) -> BoxFuture<'_, ()>;
}
