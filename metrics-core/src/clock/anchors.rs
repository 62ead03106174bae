//! What time it was on both clocks, now and then.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::Moment;

/// How many notes are kept beside the first one.
const KEPT: usize = 16;

/// Notes of both clocks, the oldest first. Not on the hot path: only calls whose times cannot be true are looked up here.
#[derive(Debug, Default)]
pub(super) struct Anchors(Mutex<VecDeque<Anchor>>);

#[derive(Clone, Copy, Debug)]
struct Anchor {
    fast: Moment,
    steady_nanos: u64,
}

impl Anchors {
    pub(super) fn note(&self, fast: Moment, steady_nanos: u64) {
        let mut notes = self.0.lock();
        if notes.len() > KEPT {
            // The first note stays, for calls that began long ago.
            notes.remove(1);
        }
        notes.push_back(Anchor { fast, steady_nanos });
    }

    /// Returns what the steady clock showed at a moment of the fast one, which lies before `now_nanos`.
    ///
    /// That is what it showed at a note, and the time from there, where that leads to no later than the next note: the newest such
    /// note, as a counter that started anew passes the same moments again. Where no note fits, it is the oldest.
    pub(super) fn steady_nanos_of(
        &self,
        moment: Moment,
        now_nanos: u64,
        between: impl Fn(Moment, Moment) -> u64,
    ) -> u64 {
        let notes = self.0.lock();
        let mut end = now_nanos;
        for note in notes.iter().rev() {
            let reached = note.steady_nanos.saturating_add(between(note.fast, moment));
            if note.fast <= moment && reached <= end {
                return reached;
            }
            end = note.steady_nanos;
        }
        end
    }
}
