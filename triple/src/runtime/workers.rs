//! Handles to the threads that serve calls.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;

use super::pool::Pool;

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// Marks the thread as the worker with this index.
pub(super) fn enter(index: usize) {
    CURRENT.set(index);
}

/// The runtimes that serve calls: one that steals work, or one for each core and a pool beside them.
#[derive(Clone, Debug)]
pub struct Workers {
    handles: Arc<[Handle]>,
    turn: Arc<AtomicUsize>,
    pool: Option<Pool>,
}

impl Workers {
    pub(super) fn new(handles: Vec<Handle>) -> Self {
        Self {
            handles: handles.into(),
            turn: Arc::default(),
            pool: None,
        }
    }

    pub(super) fn pooled(self, pool: Pool) -> Self {
        let pool = Some(pool);
        Self { pool, ..self }
    }

    /// Gives providers a runtime for the handlers that would hold their connection's worker up: those that compute or block. Others stay
    /// with their connection. Without a pool all handlers do.
    #[must_use]
    pub fn with_pool(self, pool: Handle) -> Self {
        self.pooled(Pool::of(pool))
    }

    /// Returns the pool, which is started by the first provider that asks for it.
    pub(crate) fn pool(&self) -> io::Result<Option<Handle>> {
        self.pool.as_ref().map(Pool::handle).transpose()
    }

    /// Returns one worker only: the runtime that the caller runs on. For tests, and for programs with a runtime of their own.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn here() -> Self {
        Self::new(vec![Handle::current()])
    }

    /// Returns how many runtimes there are: work that stays on one of them is spread over this many.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one")]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Returns how many threads each runtime has.
    pub(crate) fn threads(&self) -> usize {
        let first = self.handles.first();
        first.map_or(1, |handle| handle.metrics().num_workers())
    }

    /// Returns the runtimes, the one with index 0 first.
    pub fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.handles.iter()
    }

    /// Returns the worker whose turn it is, so that what is dealt is spread evenly.
    #[must_use]
    pub fn assign(&self) -> &Handle {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.handles[turn % self.handles.len()]
    }

    /// Returns the index of the worker that this thread belongs to; 0 elsewhere.
    #[must_use]
    pub fn current() -> usize {
        CURRENT.get()
    }
}
