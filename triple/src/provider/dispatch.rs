//! Where handlers run: on the thread of their connection as long as that is cheap, on a pool that steals work otherwise.
//!
//! Dubbo's word for the choice is the dispatcher: `direct` runs handlers on the thread that reads the connection, `all` hands them to a pool.
//! This one decides for each method by how long its polls have been ([`method`]), so that quick handlers cost no hand-over, and those that
//! compute or block hold neither their connection nor the others of its thread up. What waits on a thread counts as well: beyond a budget
//! calls go to the pool, whose threads are free to take them.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tracing::{debug, warn};

mod meter;
mod method;
mod thread;

#[cfg(test)]
mod tests;

pub(super) use meter::Meter;
pub(super) use thread::watch;

use method::Method;
use thread::Thread;

/// How much work may wait on a thread, in nanoseconds, before further calls go to the pool.
const BUDGET: u64 = 100_000;

/// A poll that takes less, in nanoseconds, costs more on the pool than the wait on its thread: a hand-over takes some 2 µs of a processor,
/// and the answer's bytes another wake-up of the connection.
const NOT_WORTH_MOVING: u64 = 10_000;

/// One poll of so many on a thread tells what its method's polls take now.
const SAMPLED: u64 = 64;

thread_local! {
    /// The nanoseconds that the calls which wait on this thread will take.
    static WAITING: Cell<u64> = const { Cell::new(0) };
    /// Set while a poll has found out that its method cannot run on this thread.
    static NEEDS_POOL: Cell<bool> = const { Cell::new(false) };
}

/// Notes, while a call is polled, that its method can run on the pool only.
#[cold]
pub(super) fn needs_pool() {
    NEEDS_POOL.set(true);
}

/// Where the calls of one provider run.
pub(super) struct Dispatch {
    /// From a path to the index of its method. Paths that are not here are answered inline: by what a provider offers beside its services,
    /// or with "not found".
    paths: HashMap<String, usize>,
    methods: Box<[Method]>,
    threads: Box<[Thread]>,
    pool: Handle,
    meter: Meter,
    /// The clock's count when the dispatch began.
    origin: u64,
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch")
            .field("methods", &self.paths)
            .finish_non_exhaustive()
    }
}

impl Dispatch {
    /// Begins with every method on the pool. `paths` are those of each method: more than one where it may be written in several ways.
    pub(super) fn new<'p>(
        paths: impl Iterator<Item = (&'p str, usize)>,
        threads: usize,
        pool: Handle,
        meter: Meter,
    ) -> Self {
        let paths: HashMap<String, usize> = paths
            .map(|(path, method)| (path.to_owned(), method))
            .collect();
        let methods = paths.values().max().map_or(0, |last| last + 1);
        Self {
            paths,
            methods: (0..methods).map(|_| Method::default()).collect(),
            threads: (0..threads).map(|_| Thread::default()).collect(),
            pool,
            origin: meter.now(),
            meter,
        }
    }

    /// Returns a connection's own way to the dispatch, for the thread with this index.
    pub(super) fn lane(self: &Arc<Self>, thread: usize) -> Lane {
        let shared = Shared {
            dispatch: Arc::clone(self),
            thread,
        };
        Lane {
            shared: Arc::new(shared),
            last: None,
        }
    }

    /// Tells whether the thread with this index stood still when it was last looked at.
    pub(super) fn stands_still(&self, thread: usize) -> bool {
        self.threads[thread].stands_still()
    }

    fn poll_on_pool<T>(&self, method: usize, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let start = self.meter.begin_closely();
        let polled = poll();
        let end = self.meter.now();
        let mut nanos = self.meter.nanos(start.count, end);
        if nanos > method::SHORT {
            nanos = self.meter.weigh(start, nanos).unwrap_or(nanos);
        }
        if self.methods[method].polled_on_pool(nanos, self.since_origin(end)) {
            debug!(method = self.path(method), "runs with its connections");
        }
        polled
    }

    /// Counts a poll that has kept its connection's thread for so many nanoseconds until this count of the clock.
    fn kept(&self, method: usize, nanos: u64, end: u64) {
        if self.methods[method].polled_inline(nanos, self.since_origin(end)) {
            debug!(method = self.path(method), nanos, "runs on the pool");
        }
    }

    /// Keeps a method on the pool from now on.
    #[cold]
    fn keep_on_pool(&self, method: usize) {
        NEEDS_POOL.set(false);
        self.methods[method].keep_on_pool();
        let method = self.path(method);
        warn!(
            method,
            "blocks by block_in_place: a call failed, and from now on all run on the pool; use spawn_blocking in the handler"
        );
    }

    fn path(&self, method: usize) -> &str {
        let found = self.paths.iter().find(|(_, number)| **number == method);
        found.map_or("", |(path, _)| path)
    }

    /// Tells how late it is, in nanoseconds since the dispatch began.
    fn since_origin(&self, count: u64) -> u64 {
        self.meter.nanos(self.origin, count)
    }
}

/// Decides for the calls of one connection. What its calls count is its own, so that no two threads write to it.
#[derive(Debug)]
pub(super) struct Lane {
    shared: Arc<Shared>,
    /// The method of the last call, which is the next one's as well on most connections.
    last: Option<(String, usize)>,
}

#[derive(Debug)]
struct Shared {
    dispatch: Arc<Dispatch>,
    thread: usize,
}

impl Lane {
    /// Decides where the call with this path runs; none when it is not measured, and runs inline.
    #[inline]
    pub(super) fn place(&mut self, path: &str) -> Option<Placed> {
        let method = match &self.last {
            Some((last, method)) if last == path => *method,
            _ => self.look_up(path)?,
        };
        let waiting = match self.shared.dispatch.methods[method].inline_cost() {
            Some(cost) if cost <= NOT_WORTH_MOVING => Some(0),
            Some(cost) if WAITING.get() + cost <= BUDGET => {
                WAITING.set(WAITING.get() + cost);
                Some(cost)
            }
            _ => None,
        };
        Some(Placed {
            shared: Arc::clone(&self.shared),
            method,
            inline: waiting.is_some(),
            waiting: waiting.unwrap_or(0),
        })
    }

    #[cold]
    fn look_up(&mut self, path: &str) -> Option<usize> {
        let method = *self.shared.dispatch.paths.get(path)?;
        self.last = Some((path.to_owned(), method));
        Some(method)
    }
}

/// A call whose place is decided.
#[derive(Debug)]
pub(super) struct Placed {
    shared: Arc<Shared>,
    method: usize,
    inline: bool,
    /// What this call adds to what waits on its thread, until it is polled.
    waiting: u64,
}

impl Placed {
    /// Runs the call where it belongs.
    pub(super) fn spawn<F>(self, call: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.inline {
            tokio::spawn(Measured::new(call, self));
        } else {
            self.pool().clone().spawn(Measured::new(call, self));
        }
    }

    /// Returns the pool if the call belongs there.
    pub(super) fn elsewhere(&self) -> Option<&Handle> {
        (!self.inline).then(|| self.pool())
    }

    fn pool(&self) -> &Handle {
        &self.shared.dispatch.pool
    }

    #[inline]
    fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let Shared { dispatch, thread } = &*self.shared;
        if !self.inline {
            return dispatch.poll_on_pool(self.method, poll);
        }
        if self.waiting > 0 {
            WAITING.set(WAITING.get().saturating_sub(self.waiting));
            self.waiting = 0;
        }
        let thread = &dispatch.threads[*thread];
        let start = dispatch.meter.begin();
        let polls = thread.begin(start.count, self.method);
        let polled = poll();
        let end = dispatch.meter.now();
        thread.end();
        if NEEDS_POOL.get() {
            dispatch.keep_on_pool(self.method);
        }
        let nanos = dispatch.meter.nanos(start.count, end);
        if nanos > method::MEDIUM
            && let Some(kept) = dispatch.meter.weigh(start, nanos)
        {
            dispatch.kept(self.method, kept, end);
        } else if polls.is_multiple_of(SAMPLED) {
            dispatch.methods[self.method].sampled(nanos);
        }
        polled
    }
}

/// What is never polled takes no time.
impl Drop for Placed {
    fn drop(&mut self) {
        if self.waiting > 0 {
            WAITING.set(WAITING.get().saturating_sub(self.waiting));
        }
    }
}

pin_project! {
    /// A call whose polls are measured.
    #[derive(Debug)]
    pub(super) struct Measured<F> {
        #[pin]
        call: F,
        placed: Placed,
    }
}

impl<F> Measured<F> {
    pub(super) fn new(call: F, placed: Placed) -> Self {
        Self { call, placed }
    }
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let call = this.call;
        this.placed.poll(|| call.poll(cx))
    }
}
