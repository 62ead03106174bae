//! The edges of the window's panes, which all series share.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::{Clock, Moment, nanos};
use crate::config::PANES;

/// When the panes of the window begin and end.
///
/// The window is the open pane and the closed ones behind it: with regular ticks between nine and ten tenths of its length. Edges are where
/// ticks happened, not where they were due: a late tick makes a long pane, and a rate is still over the time that passed.
#[derive(Debug)]
pub(crate) struct Panes {
    clock: Clock,
    origin: Moment,
    pane_nanos: u64,
    /// The number of the open pane.
    open: u64,
    /// The starts of all panes, the open one last; the first is the oldest edge.
    starts: VecDeque<Moment>,
    /// Nanoseconds after the origin at which the next edge is due.
    due: u64,
}

impl Panes {
    pub(crate) fn new(clock: Clock, window: Duration) -> Self {
        let origin = clock.now();
        let pane_nanos = nanos(window / PANES);
        Self {
            clock,
            origin,
            pane_nanos,
            open: 0,
            starts: VecDeque::from([origin]),
            due: pane_nanos,
        }
    }

    /// Tells how long it is until the next edge.
    pub(crate) fn until_due(&self) -> Duration {
        Duration::from_nanos(self.due.saturating_sub(self.age()))
    }

    /// Closes the open pane if its edge is due, and returns its number.
    pub(crate) fn turn(&mut self) -> Option<u64> {
        let now = self.clock.now();
        let age = self.clock.nanos_between(self.origin, now);
        if age < self.due {
            return None;
        }
        self.due = (age / self.pane_nanos + 1) * self.pane_nanos;
        let closed = self.open;
        self.open += 1;
        self.starts.push_back(now);
        // Half a pane of slack: a tick a little early or late does not keep a pane for one turn more.
        let lifetime = self.pane_nanos * u64::from(PANES - 1) - self.pane_nanos / 2;
        while self.starts.len() > 1 && self.clock.nanos_between(self.starts[1], now) >= lifetime {
            self.starts.pop_front();
        }
        Some(closed)
    }

    /// Returns the number of the oldest pane in the window.
    pub(crate) fn oldest(&self) -> u64 {
        self.open + 1 - self.starts.len() as u64
    }

    /// Returns the time that the window covers now, in seconds: since its oldest edge, or since the start.
    pub(crate) fn span_seconds(&self) -> f64 {
        let nanos = self.clock.nanos_between(self.starts[0], self.clock.now());
        nanos.max(1) as f64 / 1e9
    }

    fn age(&self) -> u64 {
        self.clock.nanos_between(self.origin, self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_young_window_is_as_long_as_its_age() {
        let (clock, hand) = Clock::manual();
        let panes = Panes::new(clock, 10 * SECOND);
        hand.advance(SECOND / 4);
        assert_eq!(panes.span_seconds(), 0.25);
    }

    #[test]
    fn a_regular_window_covers_nine_to_ten_panes() {
        let (clock, hand) = Clock::manual();
        let mut panes = Panes::new(clock, 10 * SECOND);
        for turn in 1..40 {
            hand.advance(SECOND);
            assert_eq!(panes.turn(), Some(turn - 1));
            if turn > 10 {
                assert_eq!((panes.span_seconds(), panes.oldest()), (9.0, turn - 9));
            }
        }
        hand.advance(SECOND - Duration::from_nanos(1));
        assert_eq!(panes.turn(), None, "the edge is not due yet");
        assert!(panes.span_seconds() < 10.0 && panes.span_seconds() > 9.99);
    }

    #[test]
    fn ticks_that_come_a_little_late_do_not_lengthen_the_window() {
        let (clock, hand) = Clock::manual();
        let mut panes = Panes::new(clock, 10 * SECOND);
        for turn in 1..40u32 {
            hand.advance(SECOND + Duration::from_millis(if turn % 2 == 0 { 50 } else { 0 }));
            hand.advance(Duration::ZERO);
            panes.turn();
        }
        assert!(panes.span_seconds() <= 10.5, "{} s", panes.span_seconds());
    }

    #[test]
    fn a_late_tick_stretches_its_pane() {
        let (clock, hand) = Clock::manual();
        let mut panes = Panes::new(clock, 10 * SECOND);
        hand.advance(60 * SECOND);
        assert_eq!(panes.turn(), Some(0));
        assert_eq!(panes.turn(), None, "one edge for the whole gap");
        assert_eq!(panes.span_seconds(), 60.0);
        assert_eq!(panes.until_due(), SECOND);
        for _ in 0..9 {
            hand.advance(SECOND);
            panes.turn();
        }
        assert_eq!(
            panes.span_seconds(),
            9.0,
            "the long pane is gone when its end is out of the window"
        );
    }
}
