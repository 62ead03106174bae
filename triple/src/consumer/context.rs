//! What the calls of one consumer share, and what they tell it of their ends.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use metrics_core::{Attempts, Methods};
use tokio::time::Instant;

use super::ConsumerOptions;
use super::clock::Clock;
use super::directory::Directory;
use super::endpoint::Endpoint;
use super::routes::Routes;
use super::selection::Selection;

/// What the calls of one consumer share.
#[derive(Debug)]
pub(super) struct ConsumerContext {
    pub(super) service: Arc<str>,
    pub(super) options: ConsumerOptions,
    pub(super) selection: Selection,
    pub(super) directory: Arc<Directory>,
    pub(super) clock: Clock,
    /// Where attempts are counted; nowhere if nothing is measured.
    pub(super) methods: Option<Methods>,
}

/// What the calls of one clone use, with a count of its own: callers on different cores, each with a clone, share no word that calls write to.
#[derive(Clone, Debug)]
#[repr(align(128))]
pub(super) struct CloneContext {
    pub(super) context: Arc<ConsumerContext>,
    /// A copy of the directory's list and rules, and its version.
    pub(super) routes: Arc<Routes>,
    pub(super) version: u64,
}

impl CloneContext {
    pub(super) fn new(context: Arc<ConsumerContext>) -> Self {
        Self {
            version: context.directory.version(),
            routes: context.directory.routes(),
            context,
        }
    }
}

impl ConsumerContext {
    pub(super) fn pick<'e>(
        &self,
        endpoints: &'e [Arc<Endpoint>],
        tried: &[Arc<Endpoint>],
        now: Instant,
    ) -> Option<&'e Arc<Endpoint>> {
        if self.directory.is_anyone_asleep() {
            self.directory.wake_one(endpoints);
        }
        self.selection.pick(endpoints, tried, self.clock.at(now))
    }

    /// Counts an attempt: failed when it ended in a way that another one might not.
    pub(super) fn count(&self, head: &Parts, ok: bool) {
        if let Some(attempts) = self.attempts(head) {
            attempts.count(ok);
        }
    }

    pub(super) fn attempts(&self, head: &Parts) -> Option<Attempts> {
        let method = self
            .methods
            .as_ref()?
            .find(head.uri.path(), &head.headers)?;
        Some(method.attempts())
    }

    /// Tells the selection that an attempt was answered.
    pub(super) fn answered(&self, endpoint: &Endpoint, begun: Instant, took: Duration) {
        let now = self.clock.at(begun + took);
        self.judged(self.selection.answered(endpoint, now, took));
    }

    /// Tells the selection how an attempt ended.
    pub(super) fn judge(&self, endpoint: &Endpoint, begun: Instant, verdict: Verdict) {
        let (took, now) = (begun.elapsed(), self.clock.now());
        let endpoints = || self.directory.endpoints();
        let selection = &self.selection;
        self.judged(match verdict {
            Verdict::Answered => selection.answered(endpoint, now, took),
            Verdict::Refused => selection.refused(&endpoints(), endpoint, now, took),
            Verdict::Failed => selection.failed(&endpoints(), endpoint, now, took),
        });
    }

    fn judged(&self, changed: bool) {
        if changed {
            self.directory.context().changed.notify_waiters();
        }
    }

    /// Looks after an endpoint that let a call time out.
    pub(super) fn probe(&self, endpoint: &Arc<Endpoint>) {
        let context = self.directory.context().clone();
        tokio::spawn(Arc::clone(endpoint).probe(context));
    }
}

/// What an attempt says of its provider.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    Answered,
    /// It was refused because of a limit of the provider's own.
    Refused,
    Failed,
}

/// What is told when a response has ended: the attempt is counted, and a response that broke is a failure of its provider.
#[derive(Debug)]
pub(super) struct Ending {
    own: Arc<CloneContext>,
    attempts: Option<Attempts>,
}

impl Ending {
    pub(super) fn new(own: Arc<CloneContext>, attempts: Option<Attempts>) -> Self {
        Self { own, attempts }
    }

    /// Counts the attempt.
    pub(super) fn count(&self, ok: bool) {
        if let Some(attempts) = self.attempts {
            attempts.count(ok);
        }
    }

    pub(super) fn conclude(self, endpoint: &Endpoint, ok: bool) {
        self.count(ok);
        if !ok {
            let context = &self.own.context;
            context.judge(endpoint, Instant::now(), Verdict::Failed);
        }
    }
}
