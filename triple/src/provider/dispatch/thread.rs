//! A thread that serves connections, as seen from outside: what it polls, and since when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::Dispatch;

/// A poll that takes longer, in nanoseconds, makes its thread stand still.
const STILL: u64 = 10_000_000;

/// How often threads are looked at while they serve calls, and while they do not.
const BUSY: Duration = Duration::from_millis(10);
const IDLE: Duration = Duration::from_millis(500);

/// One thread, on a cache line of its own: it writes here with each poll.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Thread {
    /// The clock's count at which the current poll began; 0 between polls.
    since: AtomicU64,
    method: AtomicUsize,
    /// How many polls have begun, which tells a thread that works from one that waits.
    polls: AtomicU64,
    still: AtomicBool,
}

impl Thread {
    /// Notes that a poll of this method begins, and returns how many there have been before it. Only the thread itself calls this.
    #[inline]
    pub(super) fn begin(&self, now: u64, method: usize) -> u64 {
        let polls = self.polls.load(Ordering::Relaxed);
        self.polls.store(polls + 1, Ordering::Relaxed);
        self.method.store(method, Ordering::Relaxed);
        self.since.store(now, Ordering::Relaxed);
        polls
    }

    #[inline]
    pub(super) fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    pub(super) fn stands_still(&self) -> bool {
        self.still.load(Ordering::Relaxed)
    }
}

/// Looks after the threads as long as it runs: a method whose poll does not end goes to the pool, and its thread is noted.
pub(in crate::provider) async fn watch(dispatch: Arc<Dispatch>) {
    let mut polls = 0;
    loop {
        let before = std::mem::replace(&mut polls, look(&dispatch));
        let still = dispatch.threads.iter().any(Thread::stands_still);
        sleep(if polls != before || still { BUSY } else { IDLE }).await;
    }
}

/// Looks at each thread once, and returns how many polls there have been.
fn look(dispatch: &Dispatch) -> u64 {
    let mut polls = 0;
    for thread in &dispatch.threads {
        let since = thread.since.load(Ordering::Relaxed);
        let now = dispatch.meter.now();
        let nanos = if since == 0 {
            0
        } else {
            dispatch.meter.nanos(since, now)
        };
        thread.still.store(nanos > STILL, Ordering::Relaxed);
        if nanos > STILL {
            dispatch.kept(thread.method.load(Ordering::Relaxed), nanos, now);
        }
        polls += thread.polls.load(Ordering::Relaxed);
    }
    polls
}

#[cfg(test)]
mod tests {
    use super::super::Meter;
    use super::*;

    fn dispatch() -> (Dispatch, Arc<quanta::Mock>) {
        let pool = tokio::runtime::Handle::current();
        let (clock, hand) = quanta::Clock::mock();
        hand.increment(1_u64);
        let dispatch = Dispatch::new([("/x.S/Get", 0)].into_iter(), 2, pool, Meter::Manual(clock));
        (dispatch, hand)
    }

    #[tokio::test]
    async fn a_thread_that_stands_still_is_noted_and_its_method_goes_to_the_pool() {
        let (dispatch, hand) = dispatch();
        while dispatch.methods[0].inline_cost().is_none() {
            dispatch.methods[0].polled_on_pool(1_000, 0);
        }
        dispatch.threads[1].begin(dispatch.meter.now(), 0);
        hand.increment(STILL);
        look(&dispatch);
        assert!(!dispatch.stands_still(1));
        hand.increment(1_u64);
        look(&dispatch);
        assert!(dispatch.stands_still(1));
        assert!(!dispatch.stands_still(0));
        assert_eq!(dispatch.methods[0].inline_cost(), None);
        dispatch.threads[1].end();
        assert_eq!(look(&dispatch), 1);
        assert!(!dispatch.stands_still(1));
    }

    #[tokio::test]
    async fn a_thread_between_polls_does_not_stand_still() {
        let (dispatch, hand) = dispatch();
        dispatch.threads[0].begin(dispatch.meter.now(), 0);
        dispatch.threads[0].end();
        hand.increment(2 * STILL);
        assert_eq!(look(&dispatch), 1);
        assert!(!dispatch.stands_still(0));
    }
}
