//! What a plain program would count, and whether a reading of the library agrees.

use std::time::Duration;

use crate::scrape::Scrape;
use metrics_core::{Figures, Outcome, OutcomeKind, PANES};

pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// What a plain program would count.
pub(crate) struct Model {
    pub(crate) now: Duration,
    /// When each call started.
    pub(crate) starts: Vec<Duration>,
    /// When each call ended, how, and what it took.
    pub(crate) ends: Vec<(Duration, Outcome, Duration)>,
    /// Edges of panes; the first is the start.
    edges: Vec<Duration>,
}

impl Model {
    /// Begins a process, in which nothing has happened.
    pub(crate) fn new() -> Self {
        Self {
            now: Duration::ZERO,
            starts: Vec::new(),
            ends: Vec::new(),
            edges: vec![Duration::ZERO],
        }
    }

    /// Turns the pane as the library documents it: at the first reading after its edge on the grid.
    pub(crate) fn read(&mut self) {
        let pane = WINDOW / PANES;
        let last = self.edges.last().expect("the start is an edge").as_nanos() / pane.as_nanos();
        if self.now.as_nanos() / pane.as_nanos() > last {
            self.edges.push(self.now);
        }
    }

    /// The oldest edge of the window: panes that ended more than eight and a half panes before the last edge are out of it.
    fn oldest(&self) -> Duration {
        let lifetime = WINDOW / PANES * (PANES - 1) - WINDOW / PANES / 2;
        let last = *self.edges.last().expect("the start is an edge");
        let gone = self.edges[1..]
            .iter()
            .rposition(|end| last - *end >= lifetime)
            .map_or(0, |place| place + 1);
        self.edges[gone]
    }

    fn count(&self, since: Duration, kind: OutcomeKind) -> u64 {
        self.ends
            .iter()
            .filter(|(at, outcome, _)| outcome.kind() == kind && self.within(*at, since))
            .count() as u64
    }

    /// An event at the very moment of an edge lies before it: the edge is a reading that comes after.
    fn within(&self, at: Duration, since: Duration) -> bool {
        since == Duration::ZERO || at > since
    }

    fn longest_pane(&self) -> Duration {
        let ends = self.edges[1..].iter().copied().chain([self.now]);
        self.edges
            .iter()
            .zip(ends)
            .map(|(start, end)| end - *start)
            .max()
            .unwrap_or_default()
    }

    /// Asserts that a reading of the library says what the model says.
    pub(crate) fn check(&self, in_flight: usize, figures: &Figures, scrape: &Scrape) {
        self.check_totals(in_flight, figures, scrape);
        self.check_window(figures, scrape);
        self.check_times(scrape);
    }

    fn check_totals(&self, in_flight: usize, figures: &Figures, scrape: &Scrape) {
        assert_eq!(figures.in_flight, in_flight as u64);
        assert_eq!(
            self.starts.len() as u64,
            figures.in_flight + figures.outcomes.total(),
            "started = in flight + finished"
        );
        for kind in OutcomeKind::ALL {
            assert_eq!(
                figures.outcomes.of(kind),
                self.count(Duration::ZERO, kind),
                "{kind:?}"
            );
        }
        let value = |name: &str| scrape.value(&format!("dubbo_consumer_{name}"));
        assert_eq!(value("requests_total"), self.ends.len() as f64);
        assert_eq!(
            value("requests_total"),
            value("requests_succeed_total") + value("requests_failed_total")
        );
        let errors: f64 = scrape.all("dubbo_consumer_errors_total").sum();
        assert_eq!(
            errors,
            value("requests_failed_total"),
            "errors by code add up to the failures"
        );
        assert_eq!(
            value("request_duration_seconds_count"),
            self.ends.len() as f64
        );
        let sum: Duration = self.ends.iter().map(|(_, _, took)| *took).sum();
        close(
            value("request_duration_seconds_sum"),
            sum.as_secs_f64(),
            1e-9,
        );
        close(value("rt_milliseconds_sum"), sum.as_secs_f64() * 1e3, 1e-9);
    }

    fn check_window(&self, figures: &Figures, scrape: &Scrape) {
        let oldest = self.oldest();
        for kind in OutcomeKind::ALL {
            assert_eq!(
                figures.window_outcomes.of(kind),
                self.count(oldest, kind),
                "{kind:?} in the window"
            );
        }
        let started = self
            .starts
            .iter()
            .filter(|at| self.within(**at, oldest))
            .count();
        let span = (self.now - oldest).as_secs_f64().max(1.0);
        close(figures.qps, started as f64 / span, 1e-9);
        assert!(
            span <= WINDOW.as_secs_f64() + self.longest_pane().as_secs_f64(),
            "the window is honoured: {span} s"
        );
        let value = |name: &str| scrape.value(&format!("dubbo_consumer_{name}"));
        let mut times: Vec<_> = self
            .ends
            .iter()
            .filter(|(at, ..)| self.within(*at, oldest))
            .map(|(_, _, took)| took.as_secs_f64() * 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        assert_eq!(value("requests_total_aggregate"), times.len() as f64);
        let mean = times.iter().sum::<f64>() / times.len().max(1) as f64;
        close(value("rt_avg_milliseconds_aggregate"), mean, 1e-6);
        close(
            value("rt_min_milliseconds_aggregate"),
            times.first().copied().unwrap_or(0.0),
            0.01,
        );
        close(
            value("rt_max_milliseconds_aggregate"),
            times.last().copied().unwrap_or(0.0),
            0.01,
        );
        for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
            let exact = rank(quantile, times.len()).map_or(f64::NAN, |rank| times[rank]);
            close(value(&format!("rt_milliseconds_{name}")), exact, 0.01);
        }
    }

    fn check_times(&self, scrape: &Scrape) {
        let times: Vec<_> = self
            .ends
            .iter()
            .map(|(_, _, took)| took.as_secs_f64() * 1e3)
            .collect();
        let value = |name: &str| scrape.find(&format!("dubbo_consumer_rt_milliseconds_{name}"));
        if times.is_empty() {
            assert!(
                ["last", "min", "max", "avg"]
                    .iter()
                    .all(|name| value(name).is_none()),
                "no value before the first call"
            );
            return;
        }
        close(
            value("min").expect("a value"),
            times.iter().copied().fold(f64::INFINITY, f64::min),
            1e-9,
        );
        close(
            value("max").expect("a value"),
            times.iter().copied().fold(0.0, f64::max),
            1e-9,
        );
        close(
            value("avg").expect("a value"),
            times.iter().sum::<f64>() / times.len() as f64,
            1e-6,
        );
    }
}

/// The place of the call that a quantile is, among `calls` calls in ascending order.
pub(crate) fn rank(quantile: f64, calls: usize) -> Option<usize> {
    (calls > 0).then(|| ((quantile * calls as f64).ceil() as usize).max(1) - 1)
}

/// Asserts that a value is as expected, or that both are NaN.
pub(crate) fn close(value: f64, expected: f64, relative: f64) {
    let near = (value - expected).abs() <= expected.abs() * relative;
    assert!(
        near || (value.is_nan() && expected.is_nan()),
        "{value} is not {expected} within {relative}"
    );
}
