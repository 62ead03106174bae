//! One connection of an endpoint as calls use it, and a call in flight on it.
//!
//! On the way of every call. What calls count on is the connection's own: connections belong to workers, so that calls on different cores
//! write to the same word only where they count as in flight on the endpoint, which the balance of load has to know.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use http::Uri;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Endpoint;
use super::deadlines::{Deadlines, Timer};
use crate::consumer::connection::Sender;

/// An open connection of an endpoint.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct OpenConnection {
    endpoint: Arc<Endpoint>,
    sender: Sender,
    /// The endpoint's, in memory of its own.
    origin: Uri,
    deadlines: Deadlines,
    /// Told when a call has an earlier deadline than all others, and when the connection is dropped.
    sooner: Arc<Notify>,
}

impl OpenConnection {
    /// Makes the connection one for calls. Its timer runs on `timers` until nothing uses the connection any more: not on the connection's own
    /// worker, since a thread that is held up must not keep the calls of others from ending in time.
    pub(super) fn new(endpoint: Arc<Endpoint>, sender: Sender, timers: &Handle) -> Arc<Self> {
        let origin = endpoint.own_origin();
        let connection = Arc::new(Self {
            endpoint,
            sender,
            origin,
            deadlines: Deadlines::default(),
            sooner: Arc::default(),
        });
        connection.start_timer(timers);
        connection
    }

    fn start_timer(self: &Arc<Self>, runtime: &Handle) {
        runtime.spawn(ring(
            Ringing(Arc::downgrade(self)),
            Arc::clone(&self.sooner),
        ));
    }

    pub(crate) fn sender(&self) -> &Sender {
        &self.sender
    }

    pub(crate) fn origin(&self) -> &Uri {
        &self.origin
    }

    /// Counts a call as in flight until what is returned is dropped. Its time is over at `until`.
    pub(crate) fn enter(self: Arc<Self>, until: Option<Instant>) -> InFlight {
        self.endpoint.standing.enter();
        InFlight {
            connection: self,
            until,
            key: None,
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.sooner.notify_one();
    }
}

/// Tells the calls of a connection when its timer ends, as it does with its runtime.
struct Ringing(Weak<OpenConnection>);

impl Drop for Ringing {
    fn drop(&mut self) {
        if let Some(connection) = self.0.upgrade() {
            connection.deadlines.stop();
        }
    }
}

/// Wakes calls at their deadlines as long as there is the connection.
async fn ring(ringing: Ringing, sooner: Arc<Notify>) {
    loop {
        let next = match ringing.0.upgrade() {
            Some(connection) => connection.deadlines.ring(Instant::now()),
            None => return,
        };
        match next {
            Some(next) => tokio::select! {
                () = sleep_until(next) => {}
                () = sooner.notified() => {}
            },
            None => sooner.notified().await,
        }
    }
}

/// A call in flight on one connection.
#[derive(Debug)]
pub(crate) struct InFlight {
    connection: Arc<OpenConnection>,
    until: Option<Instant>,
    key: Option<usize>,
}

impl InFlight {
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.connection.endpoint
    }

    /// Returns when the call's time is over.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Returns whether the call's time is over; until then the task is woken when it is.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else {
            return Poll::Pending;
        };
        match self.connection.deadlines.look(&mut self.key, until, cx) {
            None => return Poll::Ready(()),
            Some(Timer::IsSet) => {}
            Some(Timer::Sooner) => self.connection.sooner.notify_one(),
            Some(Timer::IsStopped) => self.connection.start_timer(&Handle::current()),
        }
        Poll::Pending
    }

    /// Has the call's time be over at another moment.
    pub(crate) fn extend(&mut self, until: Instant) {
        self.forget_deadline();
        self.until = Some(until);
    }

    /// Takes the limit of time away.
    pub(crate) fn forget_deadline(&mut self) {
        self.until = None;
        if let Some(key) = self.key.take() {
            self.connection.deadlines.remove(key);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.forget_deadline();
        self.connection.endpoint.standing.leave();
    }
}
