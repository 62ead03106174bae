//! When calls are made: callers, pauses, a count, a stop.

use std::{
    future::Future,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use triple::Workers;

use crate::Tally;

/// How long calls may go on after the stop; what runs then is dropped, and counts as cancelled.
const FINISH_LIMIT: Duration = Duration::from_secs(3);

/// Callers take their calls out of the common count in batches, so that they do not write to the same word with each call: a batch is
/// this part of a caller's even share of what is left, and at most so many calls.
const BATCHES: u64 = 16;
const LARGEST_BATCH: u64 = 64;

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

/// Makes one call after the other. Each caller has a clone of its own.
pub trait Call: Clone + Send + 'static {
    /// Makes one call; the outcome is the kind of its failure, if it failed.
    fn call(&mut self) -> impl Future<Output = Option<&'static str>> + Send;
}

impl<C, F> Call for C
where
    C: FnMut() -> F + Clone + Send + 'static,
    F: Future<Output = Option<&'static str>> + Send,
{
    fn call(&mut self) -> impl Future<Output = Option<&'static str>> + Send {
        self()
    }
}

impl Schedule {
    /// Makes calls on the workers until all are made or `stop` is cancelled, and returns what became of them.
    ///
    /// A call that panics counts as failed and ends its caller.
    pub async fn run<C: Call>(self, workers: &Workers, stop: &CancellationToken, call: C) -> Tally {
        let left = Arc::new(Tickets::new(self.count, self.callers));
        let mut tasks = JoinSet::new();
        let tallies: Vec<_> = (0..self.callers.get())
            .map(|_| {
                let tally = Arc::new(CallerTally::default());
                let caller = Caller {
                    interval: self.interval,
                    left: Arc::clone(&left),
                    batch: 0,
                    // A token of its own: looking at a common one would lock it for all callers.
                    stop: stop.child_token(),
                    tally: Arc::clone(&tally),
                };
                tasks.spawn_on(caller.run(call.clone()), workers.assign());
                tally
            })
            .collect();
        let finish = async {
            stop.cancelled().await;
            sleep(FINISH_LIMIT).await;
        };
        tokio::select! {
            () = all_ended(&mut tasks) => {}
            () = finish => {
                tasks.abort_all();
                // A caller that is stuck in its runtime's queue is not waited for.
                let _ = timeout(FINISH_LIMIT, all_ended(&mut tasks)).await;
            }
        }
        let mut all = Tally::default();
        for tally in tallies {
            all.add(&tally.0.lock());
        }
        all
    }
}

/// Waits until every caller has ended. One that has panicked has counted it.
async fn all_ended(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

/// The calls that are still to be made.
#[derive(Debug)]
struct Tickets {
    /// None without a bound.
    left: Option<AtomicU64>,
    callers: u64,
}

impl Tickets {
    fn new(count: Option<u64>, callers: NonZeroUsize) -> Self {
        Self {
            left: count.map(AtomicU64::new),
            callers: u64::try_from(callers.get()).unwrap_or(u64::MAX),
        }
    }

    /// Takes some of the calls that are left; 0 when there are none.
    fn take(&self) -> u64 {
        let Some(left) = &self.left else {
            return u64::MAX;
        };
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(self.batch(left))
        });
        taken.map_or(0, |left| self.batch(left))
    }

    /// Returns how many calls a caller takes at once while so many are left: single ones towards the end, so that callers end together.
    fn batch(&self, left: u64) -> u64 {
        (left / self.callers / BATCHES).clamp(1, LARGEST_BATCH)
    }
}

/// What became of one caller's calls, apart from what other callers write to.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CallerTally(Mutex<Tally>);

/// One caller: a call at a time.
#[derive(Debug)]
struct Caller {
    interval: Duration,
    left: Arc<Tickets>,
    /// The calls that this caller has taken and not made.
    batch: u64,
    stop: CancellationToken,
    tally: Arc<CallerTally>,
}

impl Caller {
    async fn run(mut self, mut call: impl Call) {
        while !self.stop.is_cancelled() && self.take() {
            let mut running = RunningCall::begin(&self.tally);
            running.failure = call.call().await;
            drop(running);
            if !self.interval.is_zero() {
                tokio::select! {
                    () = sleep(self.interval) => {}
                    () = self.stop.cancelled() => {}
                }
            }
        }
    }

    /// Takes one call.
    fn take(&mut self) -> bool {
        if self.batch == 0 {
            self.batch = self.left.take();
        }
        let is_left = self.batch > 0;
        self.batch = self.batch.saturating_sub(1);
        is_left
    }
}

/// Counts a call when it is dropped, however that comes about. A call whose caller was aborted counts as cancelled.
struct RunningCall<'t> {
    tally: &'t CallerTally,
    start: Instant,
    failure: Option<&'static str>,
}

impl<'t> RunningCall<'t> {
    fn begin(tally: &'t CallerTally) -> Self {
        Self {
            tally,
            start: Instant::now(),
            failure: Some("cancelled"),
        }
    }
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        let elapsed = self.start.elapsed();
        let mut tally = self.tally.0.lock();
        if thread::panicking() {
            // What the call shares with others may be broken: this caller makes no other.
            tally.record_death(elapsed);
        } else {
            tally.record(self.failure, elapsed);
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

    #[test]
    fn batches_add_up_to_the_count_and_become_small_towards_the_end() {
        for (count, callers) in [(0, 1), (1, 16), (1000, 1), (1000, 3), (1_000_000, 16)] {
            let tickets = Tickets::new(Some(count), NonZeroUsize::new(callers).unwrap());
            let (mut taken, mut last) = (0, 0);
            loop {
                let batch = tickets.take();
                if batch == 0 {
                    break;
                }
                assert!(batch <= LARGEST_BATCH);
                (taken, last) = (taken + batch, batch);
            }
            assert_eq!(taken, count, "of {callers} callers");
            assert!(last <= 1);
        }
    }
}
