//! Announces one thing: asks ZooKeeper for what the desired state lacks, on whatever session there is, until it is withdrawn.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    backoff::Backoff,
    desired::{DesiredState, Rival, Step},
    node::{Operation, ZkClient},
    session::SessionHandle,
    watch::Watch,
};
use crate::{
    Error, Observer, Reference, Registration, ScrapeTarget, announcement::AnnouncementReporter,
    supervise,
};

/// What is announced.
#[derive(Debug)]
pub(super) enum Subject {
    Provider(Registration),
    ScrapeTarget(ScrapeTarget),
    /// For Dubbo Admin and other tools: no call depends on it.
    Consumer(Reference),
}

impl Subject {
    fn desired(&self) -> DesiredState {
        match self {
            Self::Provider(registration) => DesiredState::provider(registration),
            Self::ScrapeTarget(target) => DesiredState::scrape_target(target),
            Self::Consumer(reference) => DesiredState::consumer(reference),
        }
    }

    fn report(&self, observer: &dyn Observer, result: Result<(), &Error>, elapsed: Duration) {
        match self {
            Self::Provider(registration) => observer.registered(registration, result, elapsed),
            Self::ScrapeTarget(target) => observer.exposed(target, result, elapsed),
            Self::Consumer(_) => {}
        }
    }

    fn backoff(&self) -> Backoff {
        match self {
            Self::Provider(_) | Self::ScrapeTarget(_) => Backoff::new(),
            // There may be thousands of them that are not allowed to write.
            Self::Consumer(_) => Backoff::long(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Provider(registration) => format!("provider {}", registration.id()),
            Self::ScrapeTarget(target) => {
                format!("metrics endpoint {}:{}", target.host(), target.port())
            }
            Self::Consumer(reference) => format!("consumer of {reference}"),
        }
    }
}

/// The task behind one announcement.
#[derive(Debug)]
pub(super) struct Registrar {
    subject: Subject,
    desired: DesiredState,
    reporter: AnnouncementReporter,
    observer: Arc<dyn Observer>,
    session_handle: SessionHandle,
    backoff: Backoff,
    known_failure: String,
    /// Whether anything may be in ZooKeeper by now.
    begun: bool,
}

impl Registrar {
    pub(super) fn new(
        subject: Subject,
        reporter: AnnouncementReporter,
        observer: Arc<dyn Observer>,
        session_handle: SessionHandle,
    ) -> Self {
        let (desired, backoff) = (subject.desired(), subject.backoff());
        Self {
            subject,
            desired,
            reporter,
            observer,
            session_handle,
            backoff,
            known_failure: String::new(),
            begun: false,
        }
    }

    /// Announces until it is withdrawn or the registry closed, then takes back what was announced.
    pub(super) async fn run(mut self, closing: CancellationToken) {
        let withdrawn = self.reporter.withdrawal();
        tokio::select! {
            _ = self.keep_on() => {}
            () = withdrawn.cancelled() => {}
            () = closing.cancelled() => {}
        }
        self.desired.withdraw();
        if self.begun && self.keep_on().await {
            info!("{} is withdrawn from ZooKeeper", self.subject.name());
        }
        if let Subject::Provider(registration) = &self.subject {
            self.observer.withdrawn(registration);
        }
        self.reporter.ended();
    }

    /// Works on every connection there is, and goes on after a panic.
    async fn keep_on(&mut self) -> bool {
        let observer = Arc::clone(&self.observer);
        supervise(
            "registrar",
            || observer.panicked(),
            self,
            |this| Box::pin(this.keep()),
        )
        .await
    }

    /// Works on every connection there is. Ends when all is withdrawn, which is true, or when the registry is closed.
    async fn keep(&mut self) -> bool {
        let mut session_handle = self.session_handle.clone();
        while let Some((zk, session)) = session_handle
            .established(|error| self.reporter.failed(error.clone()))
            .await
        {
            self.session_handle.set_session(session);
            self.desired.start(session);
            self.begun = true;
            tokio::select! {
                biased;
                () = session_handle.changed() => self.reporter.lost(),
                () = self.work(&zk, session) => return true,
            }
        }
        false
    }

    /// Works on one connection. Ends when all is withdrawn.
    async fn work(&mut self, zk: &ZkClient, session: i64) {
        let mut watches = Watches::default();
        let (mut began, mut changed) = (Instant::now(), !self.reporter.was_announced());
        loop {
            match self.desired.step() {
                Step::Perform(entry, operation) => match zk.perform(&operation).await {
                    Ok((answer, watcher)) => {
                        changed |=
                            !matches!(operation, Operation::Read { .. } | Operation::Owned { .. });
                        if let Some(watcher) = watcher {
                            watches.set(entry, watcher);
                        }
                        self.desired.answer(answer);
                        if let Some(rival) = self.desired.take_rival() {
                            self.warn_of(rival);
                        }
                    }
                    Err(error) => {
                        self.failed(error, began.elapsed());
                        sleep(self.backoff.next()).await;
                        (began, changed) = (Instant::now(), true);
                        self.desired.start(session);
                    }
                },
                Step::Pause(times) => sleep(crowd_pause(times)).await,
                Step::Announced => {
                    self.announced(changed, began.elapsed());
                    let entry = watches.next(&self.session_handle).await;
                    (began, changed) = (Instant::now(), false);
                    self.desired.recheck(entry);
                }
                Step::Withdrawn => return,
            }
        }
    }

    fn announced(&mut self, changed: bool, elapsed: Duration) {
        self.backoff.reset();
        self.known_failure.clear();
        if changed {
            info!("{} is announced in ZooKeeper", self.subject.name());
            self.subject.report(&*self.observer, Ok(()), elapsed);
        }
        self.reporter.announced();
    }

    /// Says that another process registers the same address: at once, and then more and more rarely.
    fn warn_of(&self, rival: Rival) {
        if rival.losses.is_power_of_two() {
            let session = rival
                .by
                .map_or_else(String::new, |by| format!(" (session {by:#x})"));
            warn!(
                times = rival.losses,
                "{}: another live process{session} registers this address too, and both replace each other's node: give one of them \
                 another --port, --advertise-port or --advertise-ip",
                self.subject.name()
            );
        }
    }

    fn failed(&mut self, error: Error, elapsed: Duration) {
        if self.session_handle.explains(&error) {
            return;
        }
        let text = error.to_string();
        if text == self.known_failure {
            debug!("{text}");
        } else {
            warn!(
                "{}: {text}; trying again until it succeeds",
                self.subject.name()
            );
            self.known_failure = text;
        }
        if !self.desired.is_withdrawing() {
            self.subject.report(&*self.observer, Err(&error), elapsed);
        }
        self.reporter.failed(error);
    }
}

/// Returns a random pause after another process was faster so many times in a row: at most 25 s, for two live processes that claim
/// one address.
fn crowd_pause(times: u32) -> Duration {
    Duration::from_millis(fastrand::u64(0..=50 << times.min(9)))
}

/// The watches that are set, one for each entry.
#[derive(Debug, Default)]
struct Watches {
    tasks: JoinSet<usize>,
    by_entry: HashMap<usize, AbortHandle>,
}

impl Watches {
    fn set(&mut self, entry: usize, watcher: Watch) {
        let handle = self.tasks.spawn(async move {
            watcher.changed().await;
            entry
        });
        if let Some(former) = self.by_entry.insert(entry, handle) {
            former.abort();
        }
    }

    /// Waits for the next watch to fire.
    async fn next(&mut self, session_handle: &SessionHandle) -> usize {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(entry)) => return entry,
                Some(Err(error)) if error.is_cancelled() => {}
                // The client panics in a watch whose session task is gone.
                Some(Err(_)) => session_handle.give_up(),
                None => std::future::pending().await,
            }
        }
    }
}
