//! The threads for handlers that would hold a connection up.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime};

/// A runtime that steals work, which is started when it is first asked for: a process that only calls needs none.
#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<Mutex<State>>);

#[derive(Debug)]
enum State {
    /// So many threads are to be started.
    Wanted(usize),
    Started(Runtime),
    /// It belongs to the caller.
    Given(Handle),
}

impl Pool {
    pub(super) fn new(threads: usize) -> Self {
        Self(Arc::new(Mutex::new(State::Wanted(threads))))
    }

    pub(super) fn of(handle: Handle) -> Self {
        Self(Arc::new(Mutex::new(State::Given(handle))))
    }

    /// Starts the threads if they are not there yet.
    pub(super) fn handle(&self) -> io::Result<Handle> {
        let mut state = self.0.lock();
        let threads = match &*state {
            State::Started(runtime) => return Ok(runtime.handle().clone()),
            State::Given(handle) => return Ok(handle.clone()),
            State::Wanted(threads) => *threads,
        };
        let runtime = super::start_stealing(threads, "dubbo-pool")?;
        let handle = runtime.handle().clone();
        *state = State::Started(runtime);
        Ok(handle)
    }

    /// Ends the threads that were started here, and waits for none.
    pub(super) fn end(&self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Started(_))
            && let State::Started(runtime) = std::mem::replace(&mut *state, State::Wanted(0))
        {
            *state = State::Given(runtime.handle().clone());
            runtime.shutdown_background();
        }
    }
}
