//! The shapes of runtime that serve calls, and the small control runtime beside them.
//!
//! The libraries never make a runtime behind the caller's back: a binary makes one [`Runtime`] and hands its
//! [`Workers`] to whatever serves or makes calls. ZooKeeper, probes, scrapes and pushes live on the control runtime,
//! so that a busy handler never costs a session.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

mod pool;
mod workers;

use pool::Pool;
pub use workers::Workers;

/// How long blocking work may take to finish when everything else has ended.
const BLOCKING_LIMIT: Duration = Duration::from_secs(1);

/// How the threads that serve calls share their work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// One single-threaded runtime for each core, on which connections stay, and a pool that steals work beside them. A handler runs with
    /// its connection as long as its polls are short, and on the pool when they are not.
    ///
    /// `tokio::task::block_in_place` panics on a single-threaded runtime. A method that uses it is kept on the pool, where it works, as soon
    /// as that has failed one of its calls: handlers that block use `spawn_blocking`, or another shape.
    #[default]
    Adaptive,
    /// One tokio runtime whose threads steal tasks from each other: even under uneven load.
    WorkStealing,
    /// One single-threaded runtime for each core, and a connection stays on its core with all that it asks for. A handler that computes or
    /// blocks holds up every connection of its core.
    PerCore,
}

/// A name that is no [`Shape`].
#[derive(Debug, thiserror::Error)]
#[error("unknown runtime shape {0:?}, expected adaptive, work-stealing or per-core")]
pub struct UnknownShape(String);

impl FromStr for Shape {
    type Err = UnknownShape;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "adaptive" => Ok(Self::Adaptive),
            "work-stealing" => Ok(Self::WorkStealing),
            "per-core" => Ok(Self::PerCore),
            other => Err(UnknownShape(other.to_owned())),
        }
    }
}

/// The threads of a process: workers for calls, one control thread for everything else. Dropped, it ends them all and waits for none.
#[derive(Debug)]
pub struct Runtime {
    control: Option<tokio::runtime::Runtime>,
    control_handle: Handle,
    workers: Workers,
    stealing: Option<tokio::runtime::Runtime>,
    pool: Option<Pool>,
    stop: CancellationToken,
}

impl Runtime {
    /// Starts the threads, as many workers as the machine has cores.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread or no event queue.
    pub fn new(shape: Shape) -> io::Result<Self> {
        Self::with_workers(
            shape,
            thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        )
    }

    /// Starts the threads, with so many workers.
    ///
    /// # Errors
    ///
    /// When the operating system gives no thread or no event queue.
    pub fn with_workers(shape: Shape, count: NonZeroUsize) -> io::Result<Self> {
        let count = count.get();
        let control = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("dubbo-control")
            .enable_all()
            .build()?;
        let stop = CancellationToken::new();
        let (mut stealing, mut pool) = (None, None);
        let mut workers = match shape {
            Shape::WorkStealing => {
                let runtime = start_stealing(count, "dubbo-worker")?;
                let handle = runtime.handle().clone();
                stealing = Some(runtime);
                Workers::new(vec![handle])
            }
            Shape::PerCore | Shape::Adaptive => Workers::new(start_cores(count, &stop)?),
        };
        if shape == Shape::Adaptive {
            let threads = Pool::new(count);
            pool = Some(threads.clone());
            workers = workers.pooled(threads);
        }
        Ok(Self {
            control_handle: control.handle().clone(),
            control: Some(control),
            workers,
            stealing,
            pool,
            stop,
        })
    }

    /// Returns the threads that serve calls.
    #[must_use]
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Returns the runtime for everything that is not a call.
    #[must_use]
    pub fn control(&self) -> &Handle {
        &self.control_handle
    }

    /// Runs a future to its end on the control runtime, and waits for it here.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.control_handle.block_on(future)
    }

    /// Ends all threads, and gives blocking work a second to finish; what still runs then is left behind.
    pub fn shutdown(mut self) {
        let control = self.control.take();
        drop(self);
        if let Some(control) = control {
            control.shutdown_timeout(BLOCKING_LIMIT);
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // A core's thread is not joined: it ends at its next poll, and a handler that never yields must not hold the exit up.
        self.stop.cancel();
        if let Some(pool) = self.pool.take() {
            pool.end();
        }
        // In the background, so that it may be dropped anywhere, within a task as well.
        for runtime in [self.stealing.take(), self.control.take()]
            .into_iter()
            .flatten()
        {
            runtime.shutdown_background();
        }
    }
}

fn start_stealing(count: usize, name: &str) -> io::Result<tokio::runtime::Runtime> {
    Builder::new_multi_thread()
        .worker_threads(count)
        .thread_name(name)
        .enable_all()
        .build()
}

fn start_cores(count: usize, stop: &CancellationToken) -> io::Result<Vec<Handle>> {
    (0..count)
        .map(|core| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let stop = stop.clone();
            thread::Builder::new()
                .name(format!("dubbo-core-{core}"))
                .spawn(move || {
                    workers::enter(core);
                    runtime.block_on(stop.cancelled());
                    runtime.shutdown_background();
                })?;
            Ok(handle)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_runs_what_is_spawned_on_their_workers() {
        for shape in [Shape::Adaptive, Shape::WorkStealing, Shape::PerCore] {
            let runtime = Runtime::new(shape).unwrap();
            let answer = runtime.workers().assign().spawn(async { 42 });
            assert_eq!(runtime.block_on(answer).unwrap(), 42, "{shape:?}");
            runtime.shutdown();
        }
    }

    #[test]
    fn per_core_tasks_know_their_worker_and_work_is_dealt_in_turn() {
        let runtime = Runtime::new(Shape::PerCore).unwrap();
        let workers = runtime.workers().clone();
        let seen: Vec<usize> = (0..workers.len())
            .map(|_| {
                let task = workers.assign().spawn(async { Workers::current() });
                runtime.block_on(task).unwrap()
            })
            .collect();
        assert_eq!(seen, (0..workers.len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_dropped_runtime_ends_what_runs_on_it() {
        let mut tokens = Vec::new();
        for shape in [Shape::Adaptive, Shape::WorkStealing, Shape::PerCore] {
            let runtime = Runtime::new(shape).unwrap();
            for handle in runtime.workers().handles().chain([runtime.control()]) {
                let token = CancellationToken::new();
                let guard = token.clone().drop_guard();
                handle.spawn(async move {
                    let _guard = guard;
                    std::future::pending::<()>().await;
                });
                tokens.push(token);
            }
            drop(runtime);
        }
        let waiting = Builder::new_current_thread().enable_all().build().unwrap();
        waiting.block_on(async {
            for token in &tokens {
                let limit = Duration::from_secs(30);
                let ended = tokio::time::timeout(limit, token.cancelled()).await;
                assert!(ended.is_ok(), "what ran on a dropped runtime has ended");
            }
        });
    }

    #[test]
    fn a_runtime_may_be_dropped_within_another_one() {
        let outer = Builder::new_current_thread().build().unwrap();
        outer.block_on(async {
            drop(Runtime::new(Shape::WorkStealing).unwrap());
            drop(Runtime::new(Shape::PerCore).unwrap());
            let adaptive = Runtime::new(Shape::Adaptive).unwrap();
            let pool = adaptive.workers().pool().unwrap();
            assert!(pool.is_some());
            drop(adaptive);
        });
    }

    #[test]
    fn an_unknown_shape_is_refused_with_the_choices() {
        let error = "tokio".parse::<Shape>().unwrap_err().to_string();
        assert!(error.contains("work-stealing or per-core"), "{error}");
    }
}
