//! What the registry reports about its own work.

use std::{fmt, time::Duration};

use crate::{Error, Malformed, Reference, Registration, ScrapeTarget};

/// A turn in the life of the session with the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// A new session was established.
    Established,
    /// The connection was lost; the session may still live.
    Disconnected,
    /// The connection is back, with the same session.
    Reconnected,
    /// The session has ended without being closed: everything it announced is gone, and a new one follows.
    Expired,
    /// The session was closed on purpose.
    Closed,
}

/// A list that a subscription was just given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The number of instances that the registry lists for the applications of the service.
    pub listed: usize,
    /// The number of providers in the new list, the last resort included.
    pub valid: usize,
    /// How many of them are kept as a last resort.
    pub last_resort: usize,
    /// The time from the first sign of a change to the list.
    pub elapsed: Duration,
}

/// Receives what the registry does: metrics, tests.
///
/// Methods are called from the registry's own tasks and must return at once. `()` is an observer that ignores everything.
pub trait Observer: Send + Sync + fmt::Debug {
    /// The session has taken a turn.
    fn session(&self, event: SessionEvent) {
        let _ = event;
    }

    /// An attempt to announce a provider has ended, `elapsed` after it began.
    fn registered(
        &self,
        registration: &Registration,
        result: Result<(), &Error>,
        elapsed: Duration,
    ) {
        let _ = (registration, result, elapsed);
    }

    /// An attempt to announce a metrics endpoint has ended.
    fn exposed(&self, target: &ScrapeTarget, result: Result<(), &Error>, elapsed: Duration) {
        let _ = (target, result, elapsed);
    }

    /// A provider was taken out of the registry.
    fn withdrawn(&self, registration: &Registration) {
        let _ = registration;
    }

    /// An attempt to read the providers of a service for the first time in a session has ended.
    fn subscribed(&self, reference: &Reference, result: Result<(), &Error>, elapsed: Duration) {
        let _ = (reference, result, elapsed);
    }

    /// A subscription was given a list.
    fn notified(&self, reference: &Reference, notification: Notification) {
        let _ = (reference, notification);
    }

    /// The metadata of an application's revision was fetched, or could not be.
    fn metadata(&self, application: &str, fetched: bool, elapsed: Duration) {
        let _ = (application, fetched, elapsed);
    }

    /// A node of another process can't be used and is skipped. Said once for each state of a node.
    fn malformed(&self, path: &str, reason: &Malformed) {
        let _ = (path, reason);
    }

    /// A task of the registry has panicked, and is begun again.
    fn panicked(&self) {}
}

impl Observer for () {}

/// Both are told.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn session(&self, event: SessionEvent) {
        self.0.session(event);
        self.1.session(event);
    }

    fn registered(
        &self,
        registration: &Registration,
        result: Result<(), &Error>,
        elapsed: Duration,
    ) {
        self.0.registered(registration, result, elapsed);
        self.1.registered(registration, result, elapsed);
    }

    fn exposed(&self, target: &ScrapeTarget, result: Result<(), &Error>, elapsed: Duration) {
        self.0.exposed(target, result, elapsed);
        self.1.exposed(target, result, elapsed);
    }

    fn withdrawn(&self, registration: &Registration) {
        self.0.withdrawn(registration);
        self.1.withdrawn(registration);
    }

    fn subscribed(&self, reference: &Reference, result: Result<(), &Error>, elapsed: Duration) {
        self.0.subscribed(reference, result, elapsed);
        self.1.subscribed(reference, result, elapsed);
    }

    fn notified(&self, reference: &Reference, notification: Notification) {
        self.0.notified(reference, notification);
        self.1.notified(reference, notification);
    }

    fn metadata(&self, application: &str, fetched: bool, elapsed: Duration) {
        self.0.metadata(application, fetched, elapsed);
        self.1.metadata(application, fetched, elapsed);
    }

    fn malformed(&self, path: &str, reason: &Malformed) {
        self.0.malformed(path, reason);
        self.1.malformed(path, reason);
    }
}
