//! The deadlines of the calls on one connection, for which one timer rings.
//!
//! On the way of every call: one that waits leaves its deadline and its waker here and takes them away when it ends. Timeouts are few and
//! much the same, so that the timer is set about once in the length of a timeout, and then looks at all calls that wait. A timer for each
//! call would be written into the runtime's, which threads may share.

use std::task::{Context, Waker};

use parking_lot::Mutex;
use slab::Slab;
use tokio::time::Instant;

/// The deadlines of calls that wait.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    calls: Slab<Entry>,
    /// What the timer is set to: no later than the first deadline.
    set: Option<Instant>,
    /// The timer's runtime has ended: a call that waits has to start it anew.
    is_stopped: bool,
}

/// What the owner of the timer has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Nothing.
    IsSet,
    /// Set it to an earlier deadline.
    Sooner,
    /// Start it.
    IsStopped,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    waker: Waker,
    is_over: bool,
}

impl Deadlines {
    /// Returns nothing when the deadline `at` of the call with this key is over. Has the call's task woken when it is, and returns what has to
    /// be done for that. A call gets its key with the first question.
    pub(super) fn look(
        &self,
        key: &mut Option<usize>,
        at: Instant,
        cx: &mut Context<'_>,
    ) -> Option<Timer> {
        let mut waiting = self.waiting.lock();
        let is_stopped = std::mem::take(&mut waiting.is_stopped);
        let usual = if is_stopped {
            Timer::IsStopped
        } else {
            Timer::IsSet
        };
        if let Some(key) = *key {
            let entry = &mut waiting.calls[key];
            if entry.is_over {
                waiting.is_stopped = is_stopped;
                return None;
            }
            if !entry.waker.will_wake(cx.waker()) {
                let before = std::mem::replace(&mut entry.waker, cx.waker().clone());
                // What a waker's drop runs must not find this locked.
                drop(waiting);
                drop(before);
            }
            return Some(usual);
        }
        let is_first = waiting.set.is_none_or(|set| at < set);
        if is_first {
            if at <= Instant::now() {
                waiting.is_stopped = is_stopped;
                return None;
            }
            waiting.set = Some(at);
        }
        *key = Some(waiting.calls.insert(Entry {
            at,
            waker: cx.waker().clone(),
            is_over: false,
        }));
        Some(if is_first && !is_stopped {
            Timer::Sooner
        } else {
            usual
        })
    }

    /// Forgets a call.
    pub(super) fn remove(&self, key: usize) {
        let call = self.waiting.lock().calls.remove(key);
        drop(call);
    }

    /// Wakes the calls whose time is over, and returns when to ring again; none while nothing waits.
    pub(super) fn ring(&self, now: Instant) -> Option<Instant> {
        let mut over = Vec::new();
        let mut waiting = self.waiting.lock();
        let mut next: Option<Instant> = None;
        for (_, entry) in &mut waiting.calls {
            if entry.is_over {
                continue;
            }
            if entry.at <= now {
                entry.is_over = true;
                over.push(entry.waker.clone());
            } else {
                next = Some(next.map_or(entry.at, |next| next.min(entry.at)));
            }
        }
        waiting.set = next;
        drop(waiting);
        over.into_iter().for_each(Waker::wake);
        next
    }

    /// Has one of the calls that wait start the timer anew, or the next one that comes.
    pub(super) fn stop(&self) {
        let mut waiting = self.waiting.lock();
        waiting.is_stopped = true;
        let wakers: Vec<Waker> = waiting
            .calls
            .iter()
            .map(|(_, entry)| entry.waker.clone())
            .collect();
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A call that waits.
    struct Call {
        key: Option<usize>,
        at: Instant,
        woken: Arc<Counter>,
    }

    impl Call {
        fn until(at: Instant) -> Self {
            let woken = Arc::default();
            Self {
                key: None,
                at,
                woken,
            }
        }

        fn is_over(&mut self, deadlines: &Deadlines) -> bool {
            let waker = Waker::from(Arc::clone(&self.woken));
            let cx = &mut Context::from_waker(&waker);
            deadlines.look(&mut self.key, self.at, cx).is_none()
        }

        fn woken(&self) -> usize {
            self.woken.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_woken_at_their_deadlines_and_not_before() {
        let (deadlines, start) = (Deadlines::default(), Instant::now());
        let mut calls = [3, 1, 2, 1].map(|seconds| Call::until(start + seconds * SECOND));
        for call in &mut calls {
            assert!(!call.is_over(&deadlines));
        }
        let mut next = deadlines.ring(start);
        for (second, over) in [(1, vec![1, 3]), (2, vec![1, 2, 3]), (3, vec![0, 1, 2, 3])] {
            assert_eq!(next, Some(start + second * SECOND));
            next = deadlines.ring(start + second * SECOND);
            for (index, call) in calls.iter_mut().enumerate() {
                assert_eq!(call.is_over(&deadlines), over.contains(&index), "{index}");
                assert_eq!(call.woken(), usize::from(over.contains(&index)));
            }
        }
        assert_eq!(next, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_has_ended_is_forgotten() {
        let (deadlines, start) = (Deadlines::default(), Instant::now());
        let mut ended = Call::until(start + SECOND);
        let mut other = Call::until(start + 2 * SECOND);
        assert!(!ended.is_over(&deadlines) && !other.is_over(&deadlines));
        deadlines.remove(ended.key.unwrap());
        assert_eq!(deadlines.ring(start + SECOND), Some(other.at));
        assert_eq!(ended.woken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_is_over_at_once() {
        let deadlines = Deadlines::default();
        assert!(Call::until(Instant::now()).is_over(&deadlines));
    }

    #[tokio::test(start_paused = true)]
    async fn the_timer_is_set_anew_only_for_an_earlier_deadline() {
        let (deadlines, start) = (Deadlines::default(), Instant::now());
        let waker = Waker::noop();
        for (seconds, timer) in [
            (3, Timer::Sooner),
            (3, Timer::IsSet),
            (4, Timer::IsSet),
            (2, Timer::Sooner),
        ] {
            let at = start + seconds * SECOND;
            let cx = &mut Context::from_waker(waker);
            let told = deadlines.look(&mut None, at, cx);
            assert_eq!(told, Some(timer), "{seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_has_stopped_is_started_by_one_call_that_waits() {
        let (deadlines, start) = (Deadlines::default(), Instant::now());
        let mut call = Call::until(start + SECOND);
        assert!(!call.is_over(&deadlines));
        deadlines.stop();
        assert_eq!(call.woken(), 1);
        let cx = &mut Context::from_waker(Waker::noop());
        let told = [0, 1].map(|_| deadlines.look(&mut call.key, call.at, cx));
        assert_eq!(told, [Some(Timer::IsStopped), Some(Timer::IsSet)]);
        assert_eq!(deadlines.ring(start), Some(call.at));
    }
}
