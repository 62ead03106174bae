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

    /// Returns what the steady clock showed at a moment of the fast one, where both show this now.
    ///
    /// Between two notes that is what it showed at the first one, and the time from there, or at the second one, less the time until then,
    /// where the other note is not passed by that: the newest such pair, as a counter that started anew passes the same moments again.
    /// Where no note fits, the fast clock was set twice since one: it is the newest.
    pub(super) fn steady_nanos_of(
        &self,
        moment: Moment,
        (fast, steady_nanos): (Moment, u64),
        between: impl Fn(Moment, Moment) -> u64,
    ) -> u64 {
        let notes = self.0.lock();
        let mut end = Anchor { fast, steady_nanos };
        for note in notes.iter().rev() {
            let reached = note.steady_nanos.saturating_add(between(note.fast, moment));
            if note.fast <= moment && reached <= end.steady_nanos {
                return reached;
            }
            let left = end.steady_nanos.checked_sub(between(moment, end.fast));
            if let Some(left) = left.filter(|left| moment <= end.fast && *left >= note.steady_nanos)
            {
                return left;
            }
            end = *note;
        }
        notes.back().map_or(steady_nanos, |note| note.steady_nanos)
    }
}
