//! One call in flight, and the bound handle that starts it.
//!
//! Hot path: atomics and bound handles only; `tests/bench` measures one recorded call.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Moment, nanos};
use crate::key::{MethodKey, Side};
use crate::outcome::Outcome;
use crate::series::Series;
use crate::shard::{Flow, Shard};

/// A method bound to its series: looked up once, then free of look-ups.
#[derive(Clone, Debug)]
pub struct Method(pub(crate) Arc<Series>);

impl Method {
    /// Starts a call: it counts as in flight until the guard is told its outcome or dropped.
    #[inline]
    pub fn start(&self) -> Call {
        let shard = self.0.shard();
        shard.counters.start();
        Call {
            started: shard.clock.now(),
            shard,
            deadline_nanos: u64::MAX,
            open: true,
        }
    }

    /// Counts an attempt of a call, which has more than one when it is tried again. It is `ok` unless it failed in a way that another one
    /// might not.
    pub fn attempted(&self, ok: bool) {
        self.0.shard().attempted(ok);
    }

    /// Returns where this thread counts attempts whose end comes later, on whatever thread.
    pub fn attempts(&self) -> Attempts {
        Attempts(self.0.shard())
    }

    /// Returns the key of the series that calls are counted on. It differs from the key that was asked for when the calls are folded.
    pub fn key(&self) -> &MethodKey {
        &self.0.key
    }

    /// Returns the side that the calls are counted on.
    pub fn side(&self) -> Side {
        self.0.side
    }
}

/// Counts the attempts of a method's calls.
#[derive(Clone, Copy, Debug)]
pub struct Attempts(&'static Shard);

impl Attempts {
    /// Counts an attempt, as [`Method::attempted`] does.
    pub fn count(self, ok: bool) {
        self.0.attempted(ok);
    }
}

/// A guard for one call in flight.
///
/// Tell it the outcome with [`Call::end`]. Dropped without, the call ends as [`Outcome::TIMEOUT`] when its deadline has passed, as
/// [`Outcome::INTERNAL`] while its thread panics, and as [`Outcome::CANCELLED`] otherwise. Either way it ends once.
#[derive(Debug)]
#[must_use = "a call that is dropped counts as cancelled"]
pub struct Call {
    shard: &'static Shard,
    started: Moment,
    deadline_nanos: u64,
    open: bool,
}

impl Call {
    /// Sets the time, from the start, after which an end without an outcome is a timeout.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline_nanos = nanos(deadline);
    }

    /// Ends the call.
    #[inline]
    pub fn end(mut self, outcome: Outcome) {
        self.close(outcome);
    }

    /// Ends the call where it is. What is closed stays closed: the first end counts.
    #[inline]
    pub(crate) fn close(&mut self, outcome: Outcome) {
        if self.open {
            let at = self.shard.clock.now();
            self.close_at(at, outcome);
        }
    }

    /// Ends the call with an outcome that holds unless its deadline has passed.
    pub(crate) fn close_or_timeout(&mut self, outcome: Outcome) {
        if self.open {
            let at = self.shard.clock.now();
            let outcome = if self.late(at) {
                Outcome::TIMEOUT
            } else {
                outcome
            };
            self.close_at(at, outcome);
        }
    }

    /// Counts messages of the call's stream.
    #[inline]
    pub(crate) fn count(&self, flow: Flow, messages: u64) {
        self.shard.count(flow, messages);
    }

    pub(crate) fn shard(&self) -> &'static Shard {
        self.shard
    }

    fn late(&self, at: Moment) -> bool {
        self.shard.clock.nanos_between(self.started, at) >= self.deadline_nanos
    }

    #[inline]
    fn close_at(&mut self, at: Moment, outcome: Outcome) {
        self.open = false;
        let nanos = self.shard.clock.nanos_of_call(self.started, at);
        self.shard.end(outcome, nanos, at);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.open {
            let outcome = if std::thread::panicking() {
                Outcome::INTERNAL
            } else {
                Outcome::CANCELLED
            };
            self.close_or_timeout(outcome);
        }
    }
}
