//! Where one method's calls run, and how it earns and loses its place.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Up to here a poll holds a connection up no longer than it takes to read a few more frames.
pub(super) const SHORT: u64 = 50_000;
/// A poll of this length says enough on its own, whatever the others were.
const LONG: u64 = 1_000_000;
/// So many polls that are neither short nor long say the same when they come within [`SPAN`]. A system that runs something else in between
/// makes single polls longer than they are.
const MOST_MEDIUM: u32 = 8;
pub(super) const MEDIUM: u64 = 2 * SHORT;
const SPAN: u64 = 100_000_000;

/// So many polls on the pool are looked at together before a method may get its place on its connections' threads; twice as many each time
/// that it lost the place soon.
const FIRST_TRIAL: u32 = 32;
const LONGEST_TRIAL: u32 = 4096;
/// At most one poll of so many may not have been short. A thread of the pool may wait for another one that the system has interrupted.
const ONE_OF: u32 = 32;
/// A long poll counts as so many.
const LONG_COUNTS: u32 = 4;
/// A sample counts for one part of so many of the average.
const WEIGHT: u64 = 8;
/// A method that kept its place for so long begins with the first trial again.
const SETTLED: u64 = 1_000_000_000;

/// A method: its calls run on the pool until enough of their polls were short. All times are in nanoseconds.
#[derive(Debug)]
pub(super) struct Method {
    inline: AtomicBool,
    /// What a poll takes on average, while the method's calls run inline.
    cost: AtomicU64,
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    /// The polls of this trial on the pool, those that were not short, and what the short ones took together.
    polls: u32,
    others: u32,
    taken: u64,
    /// The polls that make a trial.
    wanted: u32,
    /// When the method's calls began to run inline.
    since: u64,
    /// The medium polls since the first of them.
    medium: u32,
    first: u64,
    /// The method cannot run inline.
    stays: bool,
}

impl Default for Method {
    fn default() -> Self {
        Self {
            inline: AtomicBool::new(false),
            cost: AtomicU64::new(0),
            record: Mutex::new(Record {
                polls: 0,
                others: 0,
                taken: 0,
                wanted: FIRST_TRIAL,
                since: 0,
                medium: 0,
                first: 0,
                stays: false,
            }),
        }
    }
}

impl Method {
    /// Returns what a poll takes on average if the method's calls run inline.
    pub(super) fn inline_cost(&self) -> Option<u64> {
        self.inline
            .load(Ordering::Relaxed)
            .then(|| self.cost.load(Ordering::Relaxed))
    }

    /// Counts a poll on the pool, which ended now, and returns whether the method runs inline from now on.
    pub(super) fn polled_on_pool(&self, nanos: u64, now: u64) -> bool {
        if self.inline.load(Ordering::Relaxed) {
            return false;
        }
        // One poll more or less decides nothing, and no thread waits for another one here.
        let Some(mut record) = self.record.try_lock() else {
            return false;
        };
        if record.stays {
            return false;
        }
        record.polls += 1;
        match nanos {
            0..=SHORT => record.taken += nanos,
            _ if nanos < LONG => record.others += 1,
            _ => record.others += LONG_COUNTS,
        }
        let most = record.wanted / ONE_OF;
        let passed = record.polls >= record.wanted;
        if record.others <= most && !passed {
            return false;
        }
        let inline = record.others <= most;
        if inline {
            let cost = record.taken / u64::from(record.polls);
            self.cost.store(cost, Ordering::Relaxed);
            (record.medium, record.since) = (0, now);
            self.inline.store(true, Ordering::Relaxed);
        }
        (record.polls, record.others, record.taken) = (0, 0, 0);
        inline
    }

    /// Takes one of the polls that run inline into what they take on average. The first calls of a process, which earn the place, take much
    /// longer than those that follow.
    pub(super) fn sampled(&self, nanos: u64) {
        let cost = self.cost.load(Ordering::Relaxed);
        // One that the system interrupted is no reason to move others.
        let sample = nanos.min(2 * cost + SHORT / 16);
        self.cost
            .store(cost - cost / WEIGHT + sample / WEIGHT, Ordering::Relaxed);
    }

    /// Counts a poll that kept its connection's thread for so long, and ended now or goes on. One that is not long counts for nothing.
    /// Returns whether the method runs on the pool from now on.
    pub(super) fn polled_inline(&self, nanos: u64, now: u64) -> bool {
        if nanos <= MEDIUM {
            return false;
        }
        let mut record = self.record.lock();
        if !self.inline.load(Ordering::Relaxed) {
            return false;
        }
        if now.saturating_sub(record.first) > SPAN {
            (record.medium, record.first) = (0, now);
        }
        record.medium += 1;
        if nanos < LONG && record.medium < MOST_MEDIUM {
            return false;
        }
        record.wanted = if now.saturating_sub(record.since) > SETTLED {
            FIRST_TRIAL
        } else {
            (record.wanted * 2).min(LONGEST_TRIAL)
        };
        self.inline.store(false, Ordering::Relaxed);
        true
    }

    /// Keeps the method's calls on the pool from now on.
    pub(super) fn keep_on_pool(&self) {
        let mut record = self.record.lock();
        record.stays = true;
        self.inline.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    /// Polls on the pool until the place is earned, and returns how many polls that took.
    fn earn(method: &Method, nanos: u64, now: u64) -> u32 {
        for poll in 1..=2 * LONGEST_TRIAL {
            method.polled_on_pool(nanos, now);
            if method.inline_cost().is_some() {
                return poll;
            }
        }
        panic!("{nanos} ns earn no place");
    }

    #[test]
    fn short_polls_earn_the_place() {
        let method = Method::default();
        assert_eq!(earn(&method, 2_000, 0), FIRST_TRIAL);
        assert_eq!(method.inline_cost(), Some(2_000));
    }

    #[test]
    fn what_polls_take_follows_those_that_run_inline() {
        let method = Method::default();
        earn(&method, 40_000, 0);
        for _ in 0..100 {
            method.sampled(3_000);
        }
        assert!(method.inline_cost().unwrap().abs_diff(3_000) < 100);
        method.sampled(MILLISECOND);
        assert!(method.inline_cost().unwrap() < 4_000, "one was interrupted");
        for _ in 0..100 {
            method.sampled(40_000);
        }
        assert!(method.inline_cost().unwrap().abs_diff(40_000) < 100);
    }

    #[test]
    fn polls_that_are_not_short_begin_the_trial_anew_where_they_are_too_many() {
        let method = Method::default();
        for _ in 1..FIRST_TRIAL {
            method.polled_on_pool(2_000, 0);
        }
        method.polled_on_pool(LONG, 0);
        assert_eq!(earn(&method, 3_000, 0), FIRST_TRIAL);
    }

    #[test]
    fn a_method_that_cannot_run_inline_never_earns_the_place_again() {
        let method = Method::default();
        earn(&method, 2_000, 0);
        method.keep_on_pool();
        for _ in 0..2 * LONGEST_TRIAL {
            assert!(!method.polled_on_pool(2_000, 0));
        }
        assert_eq!(method.inline_cost(), None);
    }

    #[test]
    fn a_poll_in_many_may_be_longer() {
        let method = Method::default();
        for poll in 1..FIRST_TRIAL {
            method.polled_on_pool(if poll == 7 { SHORT + 1 } else { 2_000 }, 0);
        }
        assert!(method.polled_on_pool(2_000, 0));
    }

    #[test]
    fn one_blocking_call_in_a_hundred_earns_no_place_in_a_long_trial() {
        let method = Method::default();
        for trial in 0..8 {
            earn(&method, 2_000, 0);
            assert!(method.polled_inline(LONG, trial));
        }
        for call in 0..100_000 {
            let inline = method.polled_on_pool(if call % 100 == 0 { LONG } else { 2_000 }, 0);
            assert!(!inline, "call {call}");
        }
    }

    #[test]
    fn one_long_poll_loses_the_place_and_the_next_row_is_longer() {
        let method = Method::default();
        let mut wanted = FIRST_TRIAL;
        for _ in 0..12 {
            assert_eq!(earn(&method, 2_000, 0), wanted);
            method.polled_inline(LONG, MILLISECOND);
            assert_eq!(method.inline_cost(), None);
            wanted = (wanted * 2).min(LONGEST_TRIAL);
        }
    }

    #[test]
    fn a_place_that_was_kept_is_earned_again_as_at_first() {
        let method = Method::default();
        earn(&method, 2_000, 0);
        method.polled_inline(LONG, MILLISECOND);
        earn(&method, 2_000, 0);
        method.polled_inline(LONG, SETTLED + 1);
        assert_eq!(earn(&method, 2_000, SETTLED), FIRST_TRIAL);
    }

    #[test]
    fn medium_polls_lose_the_place_only_when_they_come_together() {
        let method = Method::default();
        earn(&method, 2_000, 0);
        for poll in 1..100 {
            method.polled_inline(MEDIUM + 1, poll * SPAN / 4);
        }
        assert!(method.inline_cost().is_some(), "now and then");
        let now = 1000 * SPAN;
        for _ in 1..MOST_MEDIUM {
            method.polled_inline(MEDIUM + 1, now);
            assert!(method.inline_cost().is_some());
        }
        method.polled_inline(MEDIUM + 1, now);
        assert_eq!(method.inline_cost(), None, "one after the other");
    }

    proptest! {
        #[test]
        fn a_method_is_inline_only_after_a_trial_and_never_after_a_long_poll(
            polls in proptest::collection::vec((0..2 * LONG, 0u64..SPAN), 0..400),
        ) {
            let method = Method::default();
            let (mut now, mut on_pool) = (0, 0);
            for (nanos, pause) in polls {
                now += pause;
                if method.inline_cost().is_some() {
                    let moved = method.polled_inline(nanos, now);
                    prop_assert_eq!(moved, method.inline_cost().is_none());
                    prop_assert!(moved || nanos < LONG);
                    on_pool = 0;
                } else {
                    on_pool += 1;
                    let moved = method.polled_on_pool(nanos, now);
                    prop_assert_eq!(moved, method.inline_cost().is_some());
                    prop_assert!(!moved || on_pool >= FIRST_TRIAL);
                }
            }
        }
    }
}
