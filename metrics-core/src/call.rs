//! One call in flight, and the bound handle that starts it.
//!
//! Hot path: atomics and bound handles only; `tests/bench` measures one recorded call.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use crate::buckets::{self, MAX_NANOS};
use crate::clock::{Moment, nanos};
use crate::key::{MethodKey, Side};
use crate::outcome::Outcome;
use crate::series::Series;
use crate::shard::{Flow, Shard};
use crate::slots::Number;

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
            state: OPEN,
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
    /// [`OPEN`] and the number of what holds the call's trace, which is 0 for none; 0 altogether once the call has ended. As wide as the
    /// rest, because a guard is moved some times before it ends.
    state: u64,
}

const OPEN: u64 = 1 << Number::BITS;

impl Call {
    /// Sets the time, from the start, after which an end without an outcome is a timeout.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline_nanos = nanos(deadline);
    }

    /// Notes the value of the call's header `traceparent`, as the W3C writes it. When it says that the trace is sampled, the call leaves the
    /// trace's id as an exemplar on the bucket of its duration, and at its error if it fails. Anything else is ignored, and so is a
    /// second value.
    #[inline]
    pub fn set_traceparent(&mut self, traceparent: &[u8]) {
        if self.state == OPEN {
            self.state = OPEN | u64::from(self.shard.trace(traceparent));
        }
    }

    /// Ends the call.
    #[inline]
    pub fn end(self, outcome: Outcome) {
        // What has ended needs no drop.
        ManuallyDrop::new(self).close(outcome);
    }

    /// Ends the call where it is. What is closed stays closed: the first end counts.
    #[inline]
    pub(crate) fn close(&mut self, outcome: Outcome) {
        if self.state != 0 {
            let at = self.shard.clock.now();
            self.close_at(at, outcome);
        }
    }

    /// Ends the call with an outcome that holds unless its deadline has passed.
    pub(crate) fn close_or_timeout(&mut self, outcome: Outcome) {
        if self.state != 0 {
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
        let trace = std::mem::take(&mut self.state) as Number;
        count_end(self.shard, self.started, at, outcome, trace);
    }
}

// What follows is given what it needs of a guard in place of the guard: one whose address is taken anywhere lives in memory everywhere.

#[inline]
fn count_end(shard: &'static Shard, started: Moment, at: Moment, outcome: Outcome, trace: Number) {
    match shard.clock.nanos_of_usual_call(started, at) {
        Some(nanos) => shard.end(outcome, (nanos, buckets::place(nanos)), at, trace),
        None => count_unusual_end(shard, started, at, outcome, trace),
    }
}

#[cold]
#[inline(never)]
fn count_unusual_end(
    shard: &'static Shard,
    started: Moment,
    at: Moment,
    outcome: Outcome,
    trace: Number,
) {
    let nanos = shard.clock.nanos_of_unusual_call(started);
    let time = (nanos, buckets::place(nanos.min(MAX_NANOS)));
    shard.end(outcome, time, at, trace);
}

/// Ends a call that is dropped without an outcome.
#[cold]
#[inline(never)]
fn abandon(shard: &'static Shard, started: Moment, deadline_nanos: u64, state: u64) {
    let outcome = if std::thread::panicking() {
        Outcome::INTERNAL
    } else {
        Outcome::CANCELLED
    };
    let mut call = ManuallyDrop::new(Call {
        shard,
        started,
        deadline_nanos,
        state,
    });
    call.close_or_timeout(outcome);
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.state != 0 {
            abandon(self.shard, self.started, self.deadline_nanos, self.state);
        }
    }
}
