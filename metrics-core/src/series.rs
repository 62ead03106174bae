//! One method's shards, and what a reading of them says.
//!
//! [`Series::shard`] is on the hot path; the rest is for the ticker and for readers.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::buckets::{self, FINE, Geometry, MAX_NANOS};
use crate::clock::{Clock, unix_seconds};
use crate::counters;
use crate::exposition::Labels;
use crate::key::{MethodKey, Side};
use crate::outcome::{CODES, Outcome, Outcomes};
use crate::reading::{Reading, Windowed};
use crate::shard::{self, Flow, Shard};
use crate::window::{Scratch, Totals, Window};

/// One method on one side.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) side: Side,
    pub(crate) key: MethodKey,
    /// Whether calls of more than one method are counted here.
    pub(crate) shared: bool,
    pub(crate) labels: Labels,
    /// When it was made, in unix seconds.
    pub(crate) created_seconds: f64,
    clock: Clock,
    /// The class of each fine bucket, for exemplars.
    classes: Arc<[u8; FINE]>,
    /// Shards are never freed: a call that counted its users would write to memory four times more, of some ten times in all.
    shards: Box<[OnceLock<&'static Shard>]>,
    window: Mutex<Window>,
}

impl Series {
    /// Makes a series that spreads its threads over `shards` shards, a power of two; each is made when it is first needed.
    pub(crate) fn new(
        side: Side,
        key: MethodKey,
        shared: bool,
        labels: Labels,
        clock: Clock,
        geometry: &Geometry,
        shards: usize,
    ) -> Self {
        debug_assert!(shards.is_power_of_two(), "the number of a thread is masked");
        let shards = (0..shards).map(|_| OnceLock::new()).collect();
        Self {
            side,
            key,
            shared,
            labels,
            created_seconds: unix_seconds(),
            clock,
            classes: geometry.classes().clone(),
            shards,
            window: Mutex::default(),
        }
    }

    /// Returns the shard of this thread.
    #[inline]
    pub(crate) fn shard(&self) -> &'static Shard {
        let place = &self.shards[shard::thread() & (self.shards.len() - 1)];
        match place.get() {
            Some(shard) => shard,
            None => self.add_shard(place),
        }
    }

    #[cold]
    #[inline(never)]
    fn add_shard(&self, place: &OnceLock<&'static Shard>) -> &'static Shard {
        place.get_or_init(|| {
            let shard = Shard::new(self.clock.clone(), self.classes.clone());
            Box::leak(Box::new(shard))
        })
    }

    /// Closes pane `number` and forgets those before `oldest`.
    pub(crate) fn turn(
        &self,
        number: u64,
        oldest: u64,
        geometry: &Geometry,
        scratch: &mut Scratch,
    ) {
        let mut window = self.window.lock();
        let (now, _) = self.totals(&window);
        if window.moved(&now) {
            let used = used(self.extremes());
            scratch.total.fill(0);
            for shard in self.shards() {
                window.add_sum(shard.drain_sum());
                shard.drain_traces(used.clone(), &mut window.exemplars);
                shard.drain_times(used.clone(), &mut scratch.total);
            }
            window.close(number, now, &scratch.total, used, geometry);
        }
        window.expire(oldest);
    }

    /// Reads everything at once; `span_seconds` is the time that the window covers. Without it, what happened in the window is left out: that
    /// is most of the work.
    pub(crate) fn read(
        &self,
        span_seconds: Option<f64>,
        geometry: &Geometry,
        scratch: &mut Scratch,
    ) -> Reading {
        let mut window = self.window.lock();
        let (now, codes) = self.totals(&window);
        let mut drained = window.drained();
        drained.exported.resize(geometry.exported_len(), 0);
        let extremes = self.extremes();
        scratch.total.fill(0);
        if window.moved(&now) || !window.idle() {
            let used = used(extremes);
            for shard in self.shards() {
                shard.drain_traces(used.clone(), &mut window.exemplars);
                shard.add_times(used.clone(), &mut scratch.total);
            }
            if scratch.total[used.clone()].iter().any(|count| *count != 0) {
                window.saw();
                drained.add(&scratch.total, used, geometry);
            }
            if span_seconds.is_some() {
                window.add_panes(scratch);
            }
        }
        let windowed = span_seconds.map(|span_seconds| {
            let totals = window.totals(&now);
            Windowed::new(totals, span_seconds, &scratch.total, extremes, geometry)
        });
        let at = self.clock.now();
        let messages = |flow| self.shards().map(|shard| shard.messages(flow)).sum();
        let attempts = |ok| self.shards().map(|shard| shard.attempts(ok)).sum();
        Reading {
            totals: now,
            codes,
            exported: drained.exported,
            native: drained.native,
            exemplars: window.exemplars.clone().unwrap_or_default(),
            last_nanos: self
                .shards()
                .filter_map(|shard| shard.last(at))
                .max_by_key(|(at, _)| *at)
                .map(|(_, nanos)| nanos),
            extremes_nanos: extremes,
            received: messages(Flow::Received),
            sent: messages(Flow::Sent),
            attempts_ok: attempts(true),
            attempts_failed: attempts(false),
            window: windowed.unwrap_or_default(),
        }
    }

    /// Reads the counters of all shards.
    fn totals(&self, window: &Window) -> (Totals, [u64; CODES]) {
        let (codes, started) = counters::read(self.shards().map(|shard| &shard.counters));
        let mut outcomes = Outcomes::default();
        for outcome in Outcome::all() {
            outcomes.add(outcome.kind(), codes[outcome.index()]);
        }
        // After the ends, so that no call is counted whose time is missing.
        let undrained = self
            .shards()
            .map(|shard| u128::from(shard.sum()))
            .sum::<u128>();
        let sum = window.drained_sum() + undrained;
        (
            Totals {
                started,
                outcomes,
                sum,
            },
            codes,
        )
    }

    /// Returns the shortest and the longest call since the start, in nanoseconds.
    fn extremes(&self) -> Option<(u64, u64)> {
        let extremes = self.shards().filter_map(|shard| shard.extremes());
        extremes.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    fn shards(&self) -> impl Iterator<Item = &'static Shard> + Clone {
        self.shards.iter().filter_map(OnceLock::get).copied()
    }
}

/// Returns the fine buckets that calls are in, from the shortest to the longest one: most of the others are never used. A call whose bucket is counted and
/// whose time is not among the extremes yet has not ended either, and is found next time.
fn used(extremes: Option<(u64, u64)>) -> Range<usize> {
    let place = |nanos: u64| buckets::place(nanos.min(MAX_NANOS));
    extremes.map_or(0..0, |(min, max)| place(min)..place(max) + 1)
}
