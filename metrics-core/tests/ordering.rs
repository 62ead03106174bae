//! The counting protocol, and that of exemplars, in the orders that the memory model allows, by loom. A plain array stands in for the histogram.
//!
//! loom walks through every order with up to [`PREEMPTIONS`] forced changes of the thread, and every value that a relaxed read may
//! return in it.

use loom::sync::atomic;

#[path = "../src/counters.rs"]
mod counters;
#[path = "../src/slots.rs"]
mod slots;

use atomic::{AtomicU32, Ordering::Relaxed};
use counters::{Counters, Edge, read};
use loom::sync::{Arc, Mutex};
use loom::thread;
use slots::Slots;

const PREEMPTIONS: usize = 3;

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(model);
}

/// What a series is, without what does not matter for its order: shards with a bucket for each way to end, and what was drained from them.
struct Series<const SHARDS: usize, const WAYS: usize> {
    shards: [Shard<WAYS>; SHARDS],
    window: Mutex<Window<WAYS>>,
}

/// What was drained, and whether the window still holds some of it: while it does, readings look at the shards whatever the counters say.
struct Window<const WAYS: usize> {
    drained: u64,
    holds: bool,
    edge: Edge<([u64; WAYS], u64)>,
}

struct Shard<const WAYS: usize> {
    counters: Counters<WAYS>,
    buckets: [AtomicU32; WAYS],
    /// A bit for each bucket that a reading looks at: what the shortest and the longest call are for.
    used: AtomicU32,
}

impl<const WAYS: usize> Shard<WAYS> {
    fn new() -> Self {
        Self {
            counters: Counters::new(),
            buckets: std::array::from_fn(|_| AtomicU32::new(0)),
            used: AtomicU32::new(0),
        }
    }

    /// Ends a call as the library does: its bucket first, its end last.
    fn end(&self, way: usize) {
        self.buckets[way].fetch_add(1, Relaxed);
        self.used.fetch_or(1 << way, Relaxed);
        self.counters.end(way);
    }

    /// Returns the buckets that a reading looks at.
    fn used(&self) -> impl Iterator<Item = &AtomicU32> {
        let used = self.used.load(Relaxed);
        let ways = self.buckets.iter().enumerate();
        ways.filter_map(move |(way, bucket)| (used & (1 << way) != 0).then_some(bucket))
    }
}

#[derive(Debug, Default)]
struct Reading {
    ended: Vec<u64>,
    started: u64,
    buckets: u64,
}

impl<const SHARDS: usize, const WAYS: usize> Series<SHARDS, WAYS> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            shards: std::array::from_fn(|_| Shard::new()),
            window: Mutex::new(Window {
                drained: 0,
                holds: false,
                edge: Edge::new(([0; WAYS], 0)),
            }),
        })
    }

    fn counters(&self) -> impl Iterator<Item = &Counters<WAYS>> + Clone {
        self.shards.iter().map(|shard| &shard.counters)
    }

    fn read(&self) -> Reading {
        let mut window = self.window.lock().expect("no holder of the lock panics");
        let now = read(self.counters());
        let mut buckets = window.drained;
        if window.edge.moved(&now) || window.holds {
            let undrained = self.shards.iter().flat_map(Shard::used);
            let undrained: u64 = undrained
                .map(|bucket| u64::from(bucket.load(Relaxed)))
                .sum();
            window.edge.saw(undrained > 0);
            buckets += undrained;
        }
        let (ended, started) = now;
        Reading {
            ended: ended.to_vec(),
            started,
            buckets,
        }
    }

    /// Turns a pane: folds the 32-bit buckets into the 64-bit ones. `expire` is whether the window holds nothing afterwards, as when a whole
    /// window has passed.
    fn turn(&self, expire: bool) {
        let mut window = self.window.lock().expect("no holder of the lock panics");
        let now = read(self.counters());
        if window.edge.moved(&now) {
            for bucket in self.shards.iter().flat_map(Shard::used) {
                if bucket.load(Relaxed) != 0 {
                    window.drained += u64::from(bucket.swap(0, Relaxed));
                }
            }
            window.edge.drained(now);
            window.holds = true;
        }
        if expire {
            window.holds = false;
        }
    }
}

impl Reading {
    /// Asserts what every reading promises.
    fn check(&self) {
        let ended: u64 = self.ended.iter().sum();
        assert!(
            self.started >= ended,
            "calls in flight are never fewer than none: {self:?}"
        );
        assert!(
            self.buckets >= ended,
            "a call that ended has its bucket: {self:?}"
        );
    }

    /// Asserts that no counter stepped back since an earlier reading.
    fn check_after(&self, earlier: &Self) {
        self.check();
        let forward = self.started >= earlier.started && self.buckets >= earlier.buckets;
        assert!(
            forward
                && self
                    .ended
                    .iter()
                    .zip(&earlier.ended)
                    .all(|(now, then)| now >= then),
            "{earlier:?} then {self:?}"
        );
    }
}

#[test]
fn no_reading_shows_an_end_without_its_start_or_its_bucket() {
    explore(|| {
        let series = Series::<2, 2>::new();
        let writer = {
            let series = series.clone();
            thread::spawn(move || {
                for (shard, way) in [(0, 0), (1, 1)] {
                    series.shards[shard].counters.start();
                    series.shards[shard].end(way);
                }
            })
        };
        series.read().check();
        writer.join().expect("the writer ends");
        let last = series.read();
        assert_eq!(
            (&*last.ended, last.started, last.buckets),
            (&[1, 1][..], 2, 2),
            "nothing is lost"
        );
    });
}

#[test]
fn no_counter_steps_back_while_threads_share_a_shard() {
    explore(|| {
        let series = Series::<1, 1>::new();
        let writers = [(); 2].map(|()| {
            let series = series.clone();
            thread::spawn(move || {
                series.shards[0].counters.start();
                series.shards[0].end(0);
            })
        });
        let first = series.read();
        first.check();
        series.read().check_after(&first);
        for writer in writers {
            writer.join().expect("the writer ends");
        }
        assert_eq!(series.read().started, 2, "nothing is lost");
    });
}

#[test]
fn a_call_that_ends_on_another_thread_has_started() {
    explore(|| {
        let series = Series::<1, 1>::new();
        series.shards[0].counters.start();
        let other = {
            let series = series.clone();
            // The call moves to this thread, and ends on the shard where it started, beside another one's start.
            thread::spawn(move || series.shards[0].end(0))
        };
        let reader = {
            let series = series.clone();
            thread::spawn(move || series.read().check())
        };
        series.shards[0].counters.start();
        other.join().expect("the call ends");
        reader.join().expect("the reading is right");
        assert_eq!(series.read().started, 2);
    });
}

#[test]
fn an_edge_between_two_readings_loses_no_bucket() {
    explore(|| {
        let series = Series::<1, 1>::new();
        let writer = {
            let series = series.clone();
            thread::spawn(move || {
                series.shards[0].counters.start();
                series.shards[0].end(0);
            })
        };
        let ticker = {
            let series = series.clone();
            thread::spawn(move || series.turn(false))
        };
        let first = series.read();
        first.check();
        series.read().check_after(&first);
        writer.join().expect("the writer ends");
        ticker.join().expect("the ticker ends");
        assert_eq!(series.read().buckets, 1, "nothing is lost");
    });
}

#[test]
fn no_bucket_is_forgotten_while_its_call_is_held_up_before_its_end() {
    explore(|| {
        let series = Series::<1, 1>::new();
        let writer = {
            let series = series.clone();
            thread::spawn(move || {
                series.shards[0].counters.start();
                series.shards[0].end(0);
            })
        };
        // An edge, a reading, a whole window without a further event, and another reading: the writer may be anywhere all the while.
        series.turn(false);
        let first = series.read();
        first.check();
        series.turn(true);
        series.read().check_after(&first);
        writer.join().expect("the writer ends");
        assert_eq!(series.read().buckets, 1, "nothing is lost");
    });
}

/// Slots of two words, of which two calls at a time can have one, and lists for durations and for errors.
type Exemplars = Slots<4, 2, 2>;
const DURATIONS: usize = 0;
const ERRORS: usize = 1;

/// Runs a call that notes its trace, if there is a slot for it, and ends.
fn traced(slots: &Exemplars, trace: u64, failed: bool) {
    let slot = slots.take();
    if slot != 0 {
        slots.write(slot, 0, trace);
        slots.write(slot, 1, trace);
        if failed {
            slots.publish_in_both(slot, DURATIONS, ERRORS);
        } else {
            slots.publish(slot, DURATIONS);
        }
    }
}

/// Takes what a list holds, and asserts that it is one call's.
fn drained(slots: &Exemplars, list: usize) -> Option<u64> {
    let words = slots.take_from(list)?;
    assert_eq!(words[0], words[1], "no exemplar is of two calls");
    assert_ne!(words[0], 0, "no exemplar is read before it is written");
    Some(words[0])
}

#[test]
fn no_exemplar_is_torn_and_no_slot_is_lost_while_calls_end_and_readers_drain() {
    explore(|| {
        let slots = Arc::new(Exemplars::new());
        let writer = {
            let slots = slots.clone();
            thread::spawn(move || {
                traced(&slots, 1, true);
                traced(&slots, 2, false);
            })
        };
        let other = {
            let slots = slots.clone();
            thread::spawn(move || traced(&slots, 3, true))
        };
        drained(&slots, DURATIONS);
        writer.join().expect("the writer ends");
        other.join().expect("the other writer ends");
        drained(&slots, DURATIONS);
        drained(&slots, ERRORS);
        let free = (0..4).filter(|_| slots.take() != 0).count();
        assert_eq!(
            free, 3,
            "every slot was given back, and the first one is none"
        );
    });
}

#[test]
fn a_call_that_ended_is_found_by_the_next_reader() {
    explore(|| {
        let slots = Arc::new(Exemplars::new());
        let writer = {
            let slots = slots.clone();
            thread::spawn(move || traced(&slots, 1, true))
        };
        let early = drained(&slots, DURATIONS);
        writer.join().expect("the writer ends");
        let late = drained(&slots, DURATIONS);
        assert_eq!(early.or(late), Some(1), "no exemplar is lost");
        assert_eq!(drained(&slots, ERRORS), Some(1), "nor at its error");
    });
}
