//! The edges of the window's panes, which all series share.

use std::collections::VecDeque;
use std::time::Duration;

use super::PANES;
use crate::clock::{Clock, nanos};

/// The shortest time that a rate is over. Over less, the first call of a process would be thousands a second.
const SHORTEST_SPAN_NANOS: u64 = 1_000_000_000;

/// When the panes of the window begin and end, in nanoseconds of the steady clock.
///
/// The window is the open pane and the closed ones behind it: with regular ticks between nine and ten tenths of its length. Edges are where
/// ticks happened, not where they were due: a late tick makes a long pane, and a rate is still over the time that passed. A clock that
/// goes back begins a new window.
#[derive(Debug)]
pub(crate) struct Edges {
    clock: Clock,
    origin: u64,
    pane_nanos: u64,
    /// The number of the open pane.
    open: u64,
    /// The starts of all panes, the open one last; the first is the oldest edge.
    starts: VecDeque<u64>,
    /// When the next edge is due.
    due: u64,
}

impl Edges {
    pub(crate) fn new(clock: Clock, window: Duration) -> Self {
        let origin = clock.steady_nanos();
        clock.anchor();
        let pane_nanos = nanos(window / PANES);
        Self {
            clock,
            origin,
            pane_nanos,
            open: 0,
            starts: VecDeque::from([origin]),
            due: origin + pane_nanos,
        }
    }

    /// Tells how long it is until the next edge; at most a pane, whatever the clock does.
    pub(crate) fn until_due(&self) -> Duration {
        let left = self.due.saturating_sub(self.clock.steady_nanos());
        Duration::from_nanos(left.min(self.pane_nanos))
    }

    /// Closes the open pane if its edge is due, and returns its number.
    pub(crate) fn turn(&mut self) -> Option<u64> {
        let now = self.clock.steady_nanos();
        let went_back = self.starts.back().is_some_and(|start| now < *start);
        if now < self.due && !went_back {
            return None;
        }
        self.clock.anchor();
        if went_back {
            self.origin = now;
            self.starts.clear();
        }
        let age = now - self.origin;
        self.due = self.origin + (age / self.pane_nanos + 1) * self.pane_nanos;
        let closed = self.open;
        self.open += 1;
        self.starts.push_back(now);
        // Half a pane of slack: a tick a little early or late does not keep a pane for one turn more.
        let lifetime = self.pane_nanos * u64::from(PANES - 1) - self.pane_nanos / 2;
        while self.starts.len() > 1 && now - self.starts[1] >= lifetime {
            self.starts.pop_front();
        }
        Some(closed)
    }

    /// Returns the number of the oldest pane in the window.
    pub(crate) fn oldest(&self) -> u64 {
        self.open + 1 - self.starts.len() as u64
    }

    /// Returns the time that the window covers now, in seconds: since its oldest edge, or since the start; a second at least.
    pub(crate) fn span_seconds(&self) -> f64 {
        let nanos = self.clock.steady_nanos().saturating_sub(self.starts[0]);
        nanos.max(SHORTEST_SPAN_NANOS) as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_young_window_is_as_long_as_its_age_and_a_second_at_least() {
        let (clock, manual) = Clock::manual();
        let edges = Edges::new(clock, 100 * SECOND);
        for (age, span) in [(0, 1.0), (250, 1.0), (1000, 1.0), (1250, 1.25)] {
            manual.advance(Duration::from_millis(age) - Duration::from_secs_f64(age_of(&edges)));
            assert_eq!(edges.span_seconds(), span, "after {age} ms");
        }
    }

    fn age_of(edges: &Edges) -> f64 {
        (edges.clock.steady_nanos() - edges.origin) as f64 / 1e9
    }

    #[test]
    fn the_window_does_not_see_jumps_of_the_fast_clock() {
        let (clock, manual) = Clock::manual();
        let mut edges = Edges::new(clock, 10 * SECOND);
        for turn in 1..40 {
            manual.advance(SECOND);
            if turn % 3 == 0 {
                manual.set_fast_back(1_000 * SECOND);
            } else {
                manual.set_fast_forward(400 * SECOND);
            }
            assert_eq!(edges.turn(), Some(turn - 1));
            assert!(edges.span_seconds() <= 10.0, "{} s", edges.span_seconds());
        }
    }

    #[test]
    fn a_clock_that_goes_back_begins_a_new_window() {
        let (clock, manual) = Clock::manual();
        let mut edges = Edges::new(clock, 10 * SECOND);
        for _ in 0..100 {
            manual.advance(SECOND);
            edges.turn();
        }
        manual.set_back(50 * SECOND);
        assert!(edges.until_due() <= SECOND, "{:?}", edges.until_due());
        assert_eq!(edges.turn(), Some(100), "the open pane is closed at once");
        assert_eq!((edges.span_seconds(), edges.oldest()), (1.0, 101));
        for turn in 101..140 {
            manual.advance(SECOND);
            assert_eq!(edges.turn(), Some(turn), "and panes turn as before");
        }
        assert_eq!(edges.span_seconds(), 9.0);
    }

    #[test]
    fn a_regular_window_covers_nine_to_ten_panes() {
        let (clock, manual) = Clock::manual();
        let mut edges = Edges::new(clock, 10 * SECOND);
        for turn in 1..40 {
            manual.advance(SECOND);
            assert_eq!(edges.turn(), Some(turn - 1));
            if turn > 10 {
                assert_eq!((edges.span_seconds(), edges.oldest()), (9.0, turn - 9));
            }
        }
        manual.advance(SECOND - Duration::from_nanos(1));
        assert_eq!(edges.turn(), None, "the edge is not due yet");
        assert!(edges.span_seconds() < 10.0 && edges.span_seconds() > 9.99);
    }

    #[test]
    fn ticks_that_come_a_little_late_do_not_lengthen_the_window() {
        let (clock, manual) = Clock::manual();
        let mut edges = Edges::new(clock, 10 * SECOND);
        for turn in 1..40u32 {
            manual.advance(SECOND + Duration::from_millis(if turn % 2 == 0 { 50 } else { 0 }));
            manual.advance(Duration::ZERO);
            edges.turn();
        }
        assert!(edges.span_seconds() <= 10.5, "{} s", edges.span_seconds());
    }

    #[test]
    fn a_late_tick_stretches_its_pane() {
        let (clock, manual) = Clock::manual();
        let mut edges = Edges::new(clock, 10 * SECOND);
        manual.advance(60 * SECOND);
        assert_eq!(edges.turn(), Some(0));
        assert_eq!(edges.turn(), None, "one edge for the whole gap");
        assert_eq!(edges.span_seconds(), 60.0);
        assert_eq!(edges.until_due(), SECOND);
        for _ in 0..9 {
            manual.advance(SECOND);
            edges.turn();
        }
        assert_eq!(
            edges.span_seconds(),
            9.0,
            "the long pane is gone when its end is out of the window"
        );
    }
}
