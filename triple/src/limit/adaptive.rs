//! The number of calls that a provider can run at a time, found out by how long they take.
//!
//! A provider with as many calls as it can work on answers each in its usual time; every further one only waits, and makes all of them
//! take longer. So the number is right while calls take a little longer than usual, as in Envoy's adaptive concurrency and Netflix's
//! gradient:
//!
//! * The *usual time* is what calls take with half of the calls that may run. It is measured from time to time by halving the number
//!   for a moment, and sooner once the number has halved or doubled: then the service itself has become slower or faster. Nothing else
//!   changes it, so that a provider that is overloaded for hours does not take that for usual.
//! * After each *window* of calls the number is multiplied by what calls may take, over what they took, and half of its square root is
//!   added, by which it grows while calls are fast. A number that is not reached does not grow.
//! * Where calls are refused, a measurement in which half of the number answers as many a second leaves it at the half, and is made again at
//!   once: what was beyond it only waited. A provider that is overloaded from its first call on so finds its number in seconds.
//! * At the *start* it grows by half with each window, until calls take longer or their answers are no more.
//!
//! The code here has no clock and no calls of its own: it is told when each call began and how long it took.

use std::time::Duration;

/// The number at the start, and the smallest one.
const FIRST: f64 = 32.0;
const LEAST: f64 = 4.0;

/// The largest number: what a port has of connections, with some calls on each.
const MOST: f64 = 100_000.0;

/// How much longer than usual calls may take before the number shrinks, as a part of the usual time, and at least so long: below a
/// millisecond it is the machine's other work that decides.
const TOLERANCE: f64 = 1.25;
const SLACK: f64 = 0.001;

/// What a window lasts and how many calls it has, at least; as many as may run besides, so that not only the short ones of those that run
/// are counted.
const WINDOW: Duration = Duration::from_millis(100);
const CALLS: u32 = 50;

/// How much of what a window asks for is done at once, and the growth of each window at the start.
const STEP: f64 = 0.5;
const START: f64 = 1.5;

/// The most that one call counts, in usual times: a call that waits for its caller's stream tells nothing of the load.
const LONGEST: f64 = 8.0;

/// The pauses between two measurements of the usual time: longer while they find what was known.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What half of the number answers, as a part of what the whole did, when the other half only waited; and by how much the answers have to
/// become more for the number to go on growing at the start.
const ENOUGH: f64 = 0.9;
const MORE: f64 = 1.1;

/// The refused calls, as a part of all, from which on there are more calls than the provider can do, and not only a few at the same moment.
const EXCESS: f64 = 0.1;

/// How far apart two measurements may be that find the same.
const SAME: f64 = 0.1;

/// How many calls may run, by what calls took.
#[derive(Debug)]
pub(super) struct Adaptive {
    limit: f64,
    /// In seconds; none before the second window, for in the first one only short calls can have ended.
    usual: Option<f64>,
    first: bool,
    /// The answers in a second, in the last window in which the whole number ran.
    rate: f64,
    /// The part of the calls that was refused in it.
    refused: f64,
    phase: Phase,
    window: Window,
    /// The number after the last measurement.
    settled: f64,
    /// When the usual time is measured next, and the pause before that.
    due: Duration,
    pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The number grows until calls take longer.
    Starting,
    /// The number follows the times.
    Following,
    /// The number is halved, and the calls that began before are still counted.
    Emptying,
    /// The number is halved, and the calls show the usual time.
    Measuring,
}

/// The calls since the number was last changed.
#[derive(Debug)]
struct Window {
    begun: Duration,
    calls: u32,
    sum: f64,
    /// Whether the number was reached.
    full: bool,
    refused: u32,
}

/// What a window has shown.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// How long calls took, in seconds.
    mean: f64,
    /// How many ended in a second.
    rate: f64,
    full: bool,
    /// The part of the calls that was refused.
    refused: f64,
}

impl Window {
    fn begin(now: Duration) -> Self {
        Self {
            begun: now,
            calls: 0,
            sum: 0.0,
            full: false,
            refused: 0,
        }
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            limit: FIRST,
            usual: None,
            first: true,
            rate: 0.0,
            refused: 0.0,
            phase: Phase::Starting,
            window: Window::begin(Duration::ZERO),
            settled: FIRST,
            due: FIRST_PAUSE,
            pause: FIRST_PAUSE,
        }
    }
}

impl Adaptive {
    /// Returns how many calls may run.
    pub(super) fn limit(&self) -> usize {
        let limit = match self.phase {
            Phase::Starting | Phase::Following => self.limit,
            Phase::Emptying | Phase::Measuring => (self.limit / 2.0).max(LEAST / 2.0),
        };
        limit as usize
    }

    /// Notes that a call took the last place.
    pub(super) fn full(&mut self) {
        self.window.full = true;
    }

    /// Notes that a call was refused.
    pub(super) fn refused(&mut self) {
        self.window.full = true;
        self.window.refused = self.window.refused.saturating_add(1);
    }

    /// Notes a call that ended now.
    pub(super) fn ended(&mut self, now: Duration, took: Duration) {
        let took = took.as_secs_f64();
        let most = self.usual.map_or(f64::INFINITY, |usual| {
            (usual * LONGEST).max(usual + SLACK * LONGEST)
        });
        let window = &mut self.window;
        window.sum += took.min(most);
        window.calls += 1;
        if window.calls < CALLS.max(self.limit as u32) || now.saturating_sub(window.begun) < WINDOW
        {
            return;
        }
        let calls = f64::from(window.calls);
        let seen = Seen {
            mean: window.sum / calls,
            rate: calls / now.saturating_sub(window.begun).as_secs_f64(),
            full: window.full,
            refused: f64::from(window.refused) / (calls + f64::from(window.refused)),
        };
        self.window = Window::begin(now);
        if std::mem::take(&mut self.first) {
            return;
        }
        self.judge(now, seen);
    }

    /// Draws the conclusion from a window.
    fn judge(&mut self, now: Duration, seen: Seen) {
        match self.phase {
            Phase::Starting | Phase::Following => {
                let usual = *self.usual.get_or_insert(seen.mean);
                if seen.full {
                    self.adjust(now, usual, seen);
                } else if seen.mean < usual {
                    // Calls that are few take the usual time or more.
                    self.usual = Some(usual + (seen.mean - usual) * STEP);
                }
            }
            Phase::Emptying => self.phase = Phase::Measuring,
            Phase::Measuring => self.measured(now, seen),
        }
    }

    fn adjust(&mut self, now: Duration, usual: f64, seen: Seen) {
        let Seen { mean, rate, .. } = seen;
        let allowed = (usual * TOLERANCE).max(usual + SLACK);
        let before = std::mem::replace(&mut self.rate, rate);
        self.refused = seen.refused;
        if self.phase == Phase::Starting {
            if mean <= allowed && rate >= before * MORE {
                self.limit = (self.limit * START).min(MOST);
                return;
            }
            self.phase = Phase::Following;
            self.settled = self.limit;
        }
        let gradient = (allowed / mean).clamp(0.5, 1.0);
        let wanted = self.limit * gradient + self.limit.sqrt() / 2.0;
        self.limit = (self.limit + (wanted - self.limit) * STEP).clamp(LEAST, MOST);
        let moved = self.limit / self.settled;
        if now >= self.due || !(0.5..=2.0).contains(&moved) {
            self.phase = Phase::Emptying;
        }
    }

    fn measured(&mut self, now: Duration, Seen { mean, rate, .. }: Seen) {
        let only_waited = self.refused >= EXCESS && rate >= self.rate * ENOUGH;
        if only_waited && self.limit > LEAST {
            self.limit = (self.limit / 2.0).max(LEAST);
            self.phase = Phase::Emptying;
            return;
        }
        let before = self.usual.replace(mean).unwrap_or(mean);
        let same = (mean - before).abs() <= (before * SAME).max(SLACK / 2.0);
        self.pause = if same {
            (self.pause * 2).min(LONGEST_PAUSE)
        } else {
            FIRST_PAUSE
        };
        self.due = now + self.pause;
        self.settled = self.limit;
        // Slower than was known: the number may be far too small.
        self.phase = if mean > before && !same {
            Phase::Starting
        } else {
            Phase::Following
        };
    }
}

#[cfg(test)]
mod tests;
