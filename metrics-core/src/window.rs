//! The sliding window of one series: what it drained from the shards, pane by pane.
//!
//! Never on the hot path: only the ticker and readers come here, one at a time.

mod edges;
mod pane;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::buckets::Geometry;
use crate::counters::Edge;
use crate::exemplars::Exemplars;
use crate::native::Native;
use crate::outcome::Outcomes;
pub(crate) use edges::Edges;
use pane::Pane;

/// The number of panes of the window: it moves by a tenth of its length.
pub const PANES: u32 = 10;

/// Cumulative counts of one series at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) started: u64,
    pub(crate) outcomes: Outcomes,
    /// Nanoseconds of all calls that ended: more than 64 bits hold after two days of 100,000 calls in flight.
    pub(crate) sum: u128,
}

impl Totals {
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            started: self.started.saturating_sub(earlier.started),
            outcomes: self.outcomes.since(&earlier.outcomes),
            sum: self.sum.saturating_sub(earlier.sum),
        }
    }

    fn merge(&mut self, delta: &Self) {
        self.started += delta.started;
        self.outcomes.merge(&delta.outcomes);
        self.sum += delta.sum;
    }
}

/// The counters by which a series shows that something happened: started, and ended by kind.
type Moved = (u64, Outcomes);

/// Space for the fine buckets of one series at a time, reused over all of them.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) total: Vec<u32>,
}

impl Scratch {
    pub(crate) fn new(geometry: &Geometry) -> Self {
        Self {
            total: vec![0; geometry.fine_len()],
        }
    }
}

/// What one series keeps beside its shards.
///
/// The shards count in 32 bits since the last edge; here stand 64 bits since the start for the exported buckets, and the closed panes of
/// the window, each as small as it can be, with their sum.
#[derive(Debug)]
pub(crate) struct Window {
    /// What was drained up to the last edge; none before the first call.
    drained: Option<Box<Drained>>,
    /// Nanoseconds drained up to the last edge.
    sum: u128,
    /// Totals at the oldest edge of the window.
    base: Totals,
    /// The counters at the last edge.
    edge: Edge<Moved>,
    /// Nanoseconds at the last edge.
    edge_sum: u128,
    panes: VecDeque<Pane>,
    /// The sum of the panes' buckets; empty when there are none.
    fine: Vec<u32>,
    /// None before the first call that carries a trace.
    pub(crate) exemplars: Option<Arc<Exemplars>>,
}

/// Calls by bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drained {
    /// By exported bucket, not cumulative.
    pub(crate) exported: Vec<u64>,
    pub(crate) native: Native,
}

impl Drained {
    /// Adds the counts of the fine buckets in a range, outside of which there are none.
    pub(crate) fn add(&mut self, fine: &[u32], used: Range<usize>, geometry: &Geometry) {
        self.exported.resize(geometry.exported_len(), 0);
        geometry.fold(fine, &mut self.exported);
        let places = &geometry.native_places()[used.clone()];
        self.native.add(&fine[used], places);
    }
}

impl Default for Window {
    fn default() -> Self {
        Self {
            drained: None,
            sum: 0,
            base: Totals::default(),
            edge: Edge::new(Moved::default()),
            edge_sum: 0,
            panes: VecDeque::new(),
            fine: Vec::new(),
            exemplars: None,
        }
    }
}

impl Window {
    /// Returns the nanoseconds that were drained.
    pub(crate) fn drained_sum(&self) -> u128 {
        self.sum
    }

    /// Tells whether something started or ended since the last edge, or a reading found what is not drained yet.
    pub(crate) fn moved(&self, now: &Totals) -> bool {
        self.edge.moved(&(now.started, now.outcomes))
    }

    /// Notes that a reading found buckets that are not drained yet.
    pub(crate) fn saw(&mut self) {
        self.edge.saw(true);
    }

    /// Tells whether the window holds no call and none is in it since the last edge.
    pub(crate) fn idle(&self) -> bool {
        self.panes.is_empty()
    }

    /// Adds nanoseconds that were drained from a shard.
    pub(crate) fn add_sum(&mut self, nanos: u64) {
        self.sum += u128::from(nanos);
    }

    /// Closes pane `number` with the totals at its end, whose sum is what was drained so far, and the buckets drained from the shards,
    /// all of them in the range `used`.
    pub(crate) fn close(
        &mut self,
        number: u64,
        mut now: Totals,
        drained: &[u32],
        used: Range<usize>,
        geometry: &Geometry,
    ) {
        now.sum = self.sum;
        let known = self.drained.get_or_insert_default();
        known.add(drained, used, geometry);
        self.fine.resize(drained.len(), 0);
        add(&mut self.fine, drained);
        self.panes
            .push_back(Pane::new(number, now.since(&self.edge_totals()), drained));
        self.edge.drained((now.started, now.outcomes));
        self.edge_sum = now.sum;
    }

    fn edge_totals(&self) -> Totals {
        let (started, outcomes) = self.edge.at;
        Totals {
            started,
            outcomes,
            sum: self.edge_sum,
        }
    }

    /// Forgets the panes before `number`.
    pub(crate) fn expire(&mut self, number: u64) {
        while self.panes.front().is_some_and(|pane| pane.number < number) {
            if let Some(pane) = self.panes.pop_front() {
                self.base.merge(&pane.totals);
                pane.counts.subtract_from(&mut self.fine);
            }
        }
        if self.panes.is_empty() {
            self.fine = Vec::new();
        }
    }

    /// Returns what the window holds, up to `now`.
    pub(crate) fn totals(&self, now: &Totals) -> Totals {
        now.since(&self.base)
    }

    /// Adds the panes' buckets to the scratch total.
    pub(crate) fn add_panes(&self, scratch: &mut Scratch) {
        add(&mut scratch.total, &self.fine);
    }

    /// Returns what was drained up to the last edge.
    pub(crate) fn drained(&self) -> Drained {
        self.drained.as_deref().cloned().unwrap_or_default()
    }
}

fn add(total: &mut [u32], more: &[u32]) {
    for (total, more) in total.iter_mut().zip(more) {
        *total = total.wrapping_add(*more);
    }
}
