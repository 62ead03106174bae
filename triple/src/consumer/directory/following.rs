//! The tasks behind a directory: one follows the registry's list, one keeps the directory's families up to date.

use std::sync::{Arc, Weak};
use std::time::Duration;

use dubbo_registry::{ProviderEntry, Reference, Subscription, supervise};
use futures_util::future::BoxFuture;
use metrics_core::RegistryMetrics;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::Directory;
use crate::consumer::endpoint::EndpointContext;

/// How long a consumer waits for its number before it does without.
const NUMBER_LIMIT: Duration = Duration::from_secs(2);

/// The least and the longest time between two looks at which providers of many to use.
const LOOK: Duration = Duration::from_millis(200);
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// Follows the registry's list until the directory is gone or the registry closed.
pub(crate) async fn keep_listed(followed: Followed) {
    let Some(context) = followed.context() else {
        return;
    };
    let mut followed = followed;
    supervise(
        "directory",
        || context.panicked(),
        &mut followed,
        |followed| Box::pin(followed.run()),
    )
    .await;
}

/// What the task behind a directory follows.
pub(crate) struct Followed {
    pub(crate) directory: Weak<Directory>,
    pub(crate) reference: Reference,
    pub(crate) subscription: Subscription,
    /// Asks for the consumer's number, which only a consumer of many providers needs.
    number: Option<BoxFuture<'static, Option<u32>>>,
    /// There was a list. After a panic it may be one that was not taken over.
    has_list: bool,
}

impl Followed {
    pub(crate) fn new(
        directory: &Arc<Directory>,
        reference: Reference,
        subscription: Subscription,
        number: BoxFuture<'static, Option<u32>>,
    ) -> Self {
        Self {
            directory: Arc::downgrade(directory),
            reference,
            subscription,
            number: Some(number),
            has_list: false,
        }
    }

    fn context(&self) -> Option<EndpointContext> {
        let directory = self.directory.upgrade()?;
        Some(directory.context.clone())
    }

    async fn run(&mut self) {
        let Some(context) = self.context() else {
            return;
        };
        let Some(ended) = self
            .directory
            .upgrade()
            .map(|directory| directory.ended.clone())
        else {
            return;
        };
        if self.has_list {
            self.take(self.subscription.providers()).await;
        }
        loop {
            let partial = self
                .directory
                .upgrade()
                .is_some_and(|directory| directory.roster.lock().is_partial());
            tokio::select! {
                changed = self.subscription.changed() => match changed {
                    Ok(providers) => {
                        self.has_list = true;
                        self.take(providers).await;
                    }
                    Err(_) => return,
                },
                () = worth_a_look(&context.changed), if partial => {
                    if let Some(directory) = self.directory.upgrade() {
                        directory.refill();
                    }
                }
                () = ended.cancelled() => return,
            }
        }
    }

    async fn take(&mut self, providers: Arc<[ProviderEntry]>) {
        let Some(directory) = self.directory.upgrade() else {
            return;
        };
        let unplaced = {
            let roster = directory.roster.lock();
            roster.is_long(providers.len()) && !roster.is_placed()
        };
        if unplaced {
            let number = match self.number.take() {
                Some(number) => timeout(NUMBER_LIMIT, number).await.ok().flatten(),
                None => None,
            };
            tracing::info!(
                providers = providers.len(),
                number,
                "many providers: connections are made to a part of them"
            );
            directory.roster.lock().set_number(number);
        }
        directory.route(&self.reference, providers, self.subscription.rules());
    }
}

/// Completes a moment after an endpoint has become fit or unfit, or when a while is over.
async fn worth_a_look(changed: &Notify) {
    let _ = timeout(LONGEST_LOOK, changed.notified()).await;
    sleep(LOOK).await;
}

/// Keeps the directory's families up to date until the directory is gone.
pub(crate) fn report(directory: &Arc<Directory>, metrics: RegistryMetrics, interface: &str) {
    let changed = Arc::clone(&directory.context.changed);
    let ended = directory.ended.clone();
    let directory = Arc::downgrade(directory);
    let interface = interface.to_owned();
    tokio::spawn(async move {
        loop {
            let mut turn = std::pin::pin!(changed.notified());
            turn.as_mut().enable();
            if let Some(directory) = directory.upgrade() {
                metrics.directory(&interface, directory.sizes());
            }
            tokio::select! {
                () = turn => {}
                () = ended.cancelled() => return,
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use dubbo_registry::{Announcement, MemoryRegistry, Registration, Registry, ServiceInfo};
    use futures_util::FutureExt as _;
    use metrics_core::Metrics;
    use test_servers::{LONG, eventually};

    use super::*;

    const INTERFACE: &str = "greet.GreetService";

    fn announced(registry: &MemoryRegistry, port: u16) -> Announcement {
        let service = ServiceInfo {
            interface: INTERFACE.to_owned(),
            methods: vec!["Greet".to_owned()],
            ..ServiceInfo::default()
        };
        let registration = Registration::new("greeter", "127.0.0.1", port, vec![service]);
        registry.register(registration.unwrap())
    }

    /// Of a list of three, one provider is used: before that the consumer's number is asked for, and that panics.
    #[tokio::test]
    async fn a_list_whose_takeover_panicked_is_taken_over_again_and_later_ones_are_followed() {
        let metrics = Metrics::new(metrics_core::Config::default()).unwrap();
        let mut context = EndpointContext::for_test();
        context.metrics = Some(metrics.discovery().clone());
        let registry = MemoryRegistry::new();
        let mut announcements = Vec::new();
        for port in 1..=3 {
            let announcement = announced(&registry, port);
            announcement.done().await.unwrap();
            announcements.push(announcement);
        }

        let directory = Arc::new(Directory::new(1, context));
        let reference = Reference::new(INTERFACE).unwrap();
        let subscription = registry.subscribe(reference.clone());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let number = async move {
            counted.fetch_add(1, Ordering::Relaxed);
            panic!("a fault in the registry");
        };
        let followed = Followed::new(&directory, reference, subscription, number.boxed());
        let following = tokio::spawn(keep_listed(followed));

        // No further list comes: the same one is taken over.
        eventually(LONG, "the list is taken over", async || {
            directory.is_known().then_some(()).ok_or("not yet")
        })
        .await;
        assert_eq!(asked.load(Ordering::Relaxed), 1, "the fault has happened");
        assert!(directory.roster.lock().is_partial(), "one of three is used");
        assert!(!directory.endpoints().is_empty());
        let text = metrics.text();
        let mut families = text
            .lines()
            .filter(|l| l.starts_with("dubbo_task_panics_total"));
        assert!(families.any(|line| line.ends_with(" 1")), "{text}");

        // Two are used whole.
        announcements.pop().unwrap().withdraw().await.unwrap();
        eventually(LONG, "the next list is followed", async || {
            let found = directory.endpoints().len();
            let is_whole = found == 2 && !directory.roster.lock().is_partial();
            is_whole.then_some(()).ok_or(found)
        })
        .await;
        assert!(!following.is_finished());
        drop(directory);
        following.await.unwrap();
    }
}
