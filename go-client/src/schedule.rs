//! When calls are made: callers, pauses, a count, a stop.

use std::{
    future::Future,
    num::NonZeroUsize,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use triple::Workers;

use crate::Tally;

/// How long calls may go on after the stop; what runs then is dropped, and counts as cancelled.
const FINISH_LIMIT: Duration = Duration::from_secs(3);

/// When calls are made.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How many callers there are, each with one call at a time.
    pub callers: NonZeroUsize,
    /// The pause between a caller's calls.
    pub interval: Duration,
    /// How many calls are made in all; endless if none.
    pub count: Option<u64>,
}

impl Schedule {
    /// Makes calls on the workers until all are made or `stop` is cancelled, and returns what became of them.
    ///
    /// `call` makes one call; the outcome is the kind of its failure, if it failed. A call that panics counts as failed and
    /// ends its caller.
    pub async fn run<C, F>(self, workers: &Workers, stop: &CancellationToken, call: C) -> Tally
    where
        C: FnMut() -> F + Clone + Send + 'static,
        F: Future<Output = Option<&'static str>> + Send + 'static,
    {
        let Self {
            callers,
            interval,
            count,
        } = self;
        let left = Arc::new(Tickets(AtomicU64::new(count.unwrap_or(u64::MAX))));
        let tasks = TaskTracker::new();
        let give_up = CancellationToken::new();
        let tallies: Vec<_> = (0..callers.get())
            .map(|_| {
                let tally = Arc::new(Mutex::new(Tally::default()));
                let caller = Caller {
                    interval,
                    left: Arc::clone(&left),
                    stop: stop.clone(),
                    give_up: give_up.clone(),
                    tally: Arc::clone(&tally),
                };
                tasks.spawn_on(caller.run(call.clone()), workers.assign());
                tally
            })
            .collect();
        tasks.close();
        let finish = async {
            stop.cancelled().await;
            sleep(FINISH_LIMIT).await;
        };
        tokio::select! {
            () = tasks.wait() => {}
            () = finish => {
                give_up.cancel();
                // A caller that is stuck in its runtime's queue is not waited for.
                let _ = timeout(FINISH_LIMIT, tasks.wait()).await;
            }
        }
        let mut all = Tally::default();
        for tally in tallies {
            all.add(&tally.lock());
        }
        all
    }
}

/// The calls that are still to be made.
#[derive(Debug)]
struct Tickets(AtomicU64);

impl Tickets {
    fn take(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }
}

/// One caller: a call at a time.
#[derive(Debug)]
struct Caller {
    interval: Duration,
    left: Arc<Tickets>,
    stop: CancellationToken,
    give_up: CancellationToken,
    tally: Arc<Mutex<Tally>>,
}

impl Caller {
    async fn run<C, F>(self, mut call: C)
    where
        C: FnMut() -> F,
        F: Future<Output = Option<&'static str>>,
    {
        while !self.stop.is_cancelled() && self.left.take() {
            let start = Instant::now();
            let outcome = tokio::select! {
                biased;
                outcome = AssertUnwindSafe(async { call().await }).catch_unwind() => outcome,
                () = self.give_up.cancelled() => Ok(Some("cancelled")),
            };
            let elapsed = start.elapsed();
            match outcome {
                Ok(failure) => self.tally.lock().record(failure, elapsed),
                Err(_) => {
                    // What the call shares with others may be broken: this caller makes no other.
                    self.tally.lock().record_death(elapsed);
                    return;
                }
            }
            if !self.interval.is_zero() {
                tokio::select! {
                    () = sleep(self.interval) => {}
                    () = self.stop.cancelled() => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    fn schedule(callers: usize, count: Option<u64>) -> Schedule {
        Schedule {
            callers: NonZeroUsize::new(callers).unwrap(),
            interval: Duration::from_secs(1),
            count,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_callers_together_make_the_count_of_calls() {
        let made = Arc::new(AtomicU64::new(0));
        let call = {
            let made = Arc::clone(&made);
            move || {
                let number = made.fetch_add(1, Ordering::Relaxed);
                async move { number.is_multiple_of(10).then_some("business") }
            }
        };
        let stop = CancellationToken::new();
        let tally = schedule(3, Some(100))
            .run(&Workers::here(), &stop, call)
            .await;
        assert_eq!(made.load(Ordering::Relaxed), 100);
        let line = tally.to_string();
        assert!(
            line.starts_with("calls 100, succeeded 90, failed 10 (business 10), "),
            "{line}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_dies_is_counted_and_the_others_go_on() {
        let made = Arc::new(AtomicU64::new(0));
        let call = {
            let made = Arc::clone(&made);
            move || {
                let number = made.fetch_add(1, Ordering::Relaxed);
                async move {
                    assert_ne!(number, 4, "the fifth call breaks its caller");
                    None
                }
            }
        };
        let stop = CancellationToken::new();
        let tally = schedule(2, Some(20))
            .run(&Workers::here(), &stop, call)
            .await;
        let line = tally.to_string();
        assert!(
            line.starts_with("calls 20, succeeded 19, failed 1 (panicked 1), "),
            "{line}"
        );
        assert_eq!(tally.deaths(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_cannot_even_be_begun_counts_too() {
        fn broken() -> std::future::Ready<Option<&'static str>> {
            panic!("no call can be made")
        }
        let stop = CancellationToken::new();
        let tally = schedule(2, Some(20))
            .run(&Workers::here(), &stop, broken)
            .await;
        assert!(
            tally
                .to_string()
                .starts_with("calls 2, succeeded 0, failed 2 "),
            "{tally}"
        );
        assert_eq!(tally.deaths(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn each_caller_pauses_between_its_calls() {
        let start = Instant::now();
        let stop = CancellationToken::new();
        schedule(2, Some(8))
            .run(&Workers::here(), &stop, || async { None })
            .await;
        assert_eq!(start.elapsed(), Duration::from_secs(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_lets_running_calls_finish_and_starts_no_other() {
        let stop = CancellationToken::new();
        let call = {
            let stop = stop.clone();
            move || {
                stop.cancel();
                async {
                    sleep(Duration::from_secs(2)).await;
                    None
                }
            }
        };
        let tally = schedule(1, None).run(&Workers::here(), &stop, call).await;
        assert!(
            tally.to_string().starts_with("calls 1, succeeded 1, "),
            "{tally}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_dropped_at_the_limit_and_counts_as_cancelled() {
        let stop = CancellationToken::new();
        let canceller = stop.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs(1)).await;
            canceller.cancel();
        });
        let tally = schedule(1, None)
            .run(&Workers::here(), &stop, pending)
            .await;
        let line = tally.to_string();
        assert!(
            line.starts_with("calls 1, succeeded 0, failed 1 (cancelled 1), "),
            "{line}"
        );
    }
}
