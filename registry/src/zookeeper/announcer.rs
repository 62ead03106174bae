//! Announces one thing: asks ZooKeeper for what its goals need, on whatever session there is, until it is withdrawn.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    backoff::Backoff,
    goals::{Goals, Rival, Step},
    node::{Nodes, Operation},
    session::Connection,
    watch::Watch,
};
use crate::{
    Error, Observer, Reference, Registration, ScrapeTarget, announcement::Progress, supervise,
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
    fn goals(&self) -> Goals {
        match self {
            Self::Provider(registration) => Goals::provider(registration),
            Self::ScrapeTarget(target) => Goals::scrape_target(target),
            Self::Consumer(reference) => Goals::consumer(reference),
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
pub(super) struct Announcer {
    subject: Subject,
    goals: Goals,
    progress: Progress,
    observer: Arc<dyn Observer>,
    connection: Connection,
    backoff: Backoff,
    known_failure: String,
    /// Whether anything may be in ZooKeeper by now.
    begun: bool,
}

impl Announcer {
    pub(super) fn new(
        subject: Subject,
        progress: Progress,
        observer: Arc<dyn Observer>,
        connection: Connection,
    ) -> Self {
        let (goals, backoff) = (subject.goals(), subject.backoff());
        Self {
            subject,
            goals,
            progress,
            observer,
            connection,
            backoff,
            known_failure: String::new(),
            begun: false,
        }
    }

    /// Announces until it is withdrawn or the registry closed, then takes back what was announced.
    pub(super) async fn run(mut self, closing: CancellationToken) {
        let withdrawn = self.progress.withdrawal();
        tokio::select! {
            _ = self.keep_on() => {}
            () = withdrawn.cancelled() => {}
            () = closing.cancelled() => {}
        }
        self.goals.withdraw();
        if self.begun && self.keep_on().await {
            info!("{} is withdrawn from ZooKeeper", self.subject.name());
        }
        if let Subject::Provider(registration) = &self.subject {
            self.observer.withdrawn(registration);
        }
        self.progress.ended();
    }

    /// Works on every connection there is, and goes on after a panic.
    async fn keep_on(&mut self) -> bool {
        let observer = Arc::clone(&self.observer);
        supervise(
            "announcer",
            || observer.panicked(),
            self,
            |this| Box::pin(this.keep()),
        )
        .await
    }

    /// Works on every connection there is. Ends when all is withdrawn, which is true, or when the registry is closed.
    async fn keep(&mut self) -> bool {
        let mut connection = self.connection.clone();
        while let Some((nodes, session)) = connection
            .established(|error| self.progress.failed(error.clone()))
            .await
        {
            self.connection.follow(session);
            self.goals.start(session);
            self.begun = true;
            tokio::select! {
                biased;
                () = connection.changed() => self.progress.lost(),
                () = self.work(&nodes, session) => return true,
            }
        }
        false
    }

    /// Works on one connection. Ends when all is withdrawn.
    async fn work(&mut self, nodes: &Nodes, session: i64) {
        let mut watches = Watches::default();
        let (mut began, mut changed) = (Instant::now(), !self.progress.was_announced());
        loop {
            match self.goals.step() {
                Step::Perform(goal, operation) => match nodes.perform(&operation).await {
                    Ok((answer, watcher)) => {
                        changed |=
                            !matches!(operation, Operation::Read { .. } | Operation::Owned { .. });
                        if let Some(watcher) = watcher {
                            watches.set(goal, watcher);
                        }
                        self.goals.answer(answer);
                        if let Some(rival) = self.goals.take_rival() {
                            self.warn_of(rival);
                        }
                    }
                    Err(error) => {
                        self.failed(error, began.elapsed());
                        sleep(self.backoff.next()).await;
                        (began, changed) = (Instant::now(), true);
                        self.goals.start(session);
                    }
                },
                Step::Pause(times) => sleep(crowd_pause(times)).await,
                Step::Announced => {
                    self.announced(changed, began.elapsed());
                    let goal = watches.next(&self.connection).await;
                    (began, changed) = (Instant::now(), false);
                    self.goals.recheck(goal);
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
        self.progress.announced();
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
        if self.connection.explains(&error) {
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
        if !self.goals.is_withdrawing() {
            self.subject.report(&*self.observer, Err(&error), elapsed);
        }
        self.progress.failed(error);
    }
}

/// Returns a random pause after another process was faster so many times in a row: at most 25 s, for two live processes that claim
/// one address.
fn crowd_pause(times: u32) -> Duration {
    Duration::from_millis(fastrand::u64(0..=50 << times.min(9)))
}

/// The watches that are set, one for each goal.
#[derive(Debug, Default)]
struct Watches {
    tasks: JoinSet<usize>,
    by_goal: HashMap<usize, AbortHandle>,
}

impl Watches {
    fn set(&mut self, goal: usize, watcher: Watch) {
        let handle = self.tasks.spawn(async move {
            watcher.changed().await;
            goal
        });
        if let Some(former) = self.by_goal.insert(goal, handle) {
            former.abort();
        }
    }

    /// Waits for the next watch to fire.
    async fn next(&mut self, connection: &Connection) -> usize {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(goal)) => return goal,
                Some(Err(error)) if error.is_cancelled() => {}
                // The client panics in a watch whose session task is gone.
                Some(Err(_)) => connection.give_up(),
                None => std::future::pending().await,
            }
        }
    }
}
