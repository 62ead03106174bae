//! Random histories of calls against a plain model, on a clock that the test moves.

use std::time::Duration;

use crate::scrape::Scrape;
use metrics_core::{
    Call, Clock, Config, Figures, Hand, Kind, Method, MethodKey, Metrics, Outcome, PANES, Side,
};
use proptest::prelude::*;

const WINDOW: Duration = Duration::from_secs(10);

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    Start {
        deadline: Option<Duration>,
    },
    End {
        place: usize,
        code: i64,
    },
    Drop {
        place: usize,
    },
    Panic {
        place: usize,
    },
    Wait(Duration),
    /// A reading, which turns the pane when its edge is due.
    Read,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let nanos = prop_oneof![
        0u64..2_000,
        1_000u64..50_000_000,
        1_000_000u64..3_000_000_000
    ]
    .prop_map(Duration::from_nanos);
    let event = prop_oneof![
        6 => proptest::option::of(nanos.clone()).prop_map(|deadline| Event::Start { deadline }),
        6 => (any::<usize>(), -2i64..20).prop_map(|(place, code)| Event::End { place, code }),
        1 => any::<usize>().prop_map(|place| Event::Drop { place }),
        1 => any::<usize>().prop_map(|place| Event::Panic { place }),
        6 => nanos.prop_map(Event::Wait),
        3 => Just(Event::Read),
    ];
    proptest::collection::vec(event, 1..120)
}

/// A call in flight, in the library and in the model.
struct Flying {
    call: Call,
    start: Duration,
    deadline: Option<Duration>,
}

/// What a plain program would count.
struct Model {
    now: Duration,
    /// When each call started.
    starts: Vec<Duration>,
    /// When each call ended, how, and what it took.
    ends: Vec<(Duration, Outcome, Duration)>,
    /// Edges of panes; the first is the start.
    edges: Vec<Duration>,
}

impl Model {
    /// Turns the pane as the library documents it: at the first reading after its edge on the grid.
    fn read(&mut self) {
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

    fn count(&self, since: Duration, kind: Kind) -> u64 {
        self.ends
            .iter()
            .filter(|(at, outcome, _)| outcome.kind() == kind && self.within(*at, since))
            .count() as u64
    }

    /// An event at the very moment of an edge lies before it: the edge is a reading that comes after.
    fn within(&self, at: Duration, since: Duration) -> bool {
        since == Duration::ZERO || at > since
    }
}

struct World {
    metrics: Metrics,
    method: Method,
    hand: Hand,
    model: Model,
    flying: Vec<Flying>,
}

impl World {
    fn new() -> Self {
        let (clock, hand) = Clock::manual();
        let metrics = Metrics::new(Config {
            clock,
            window: WINDOW,
            ..Config::default()
        })
        .expect("legal");
        let method = metrics.method(Side::Consumer, &MethodKey::new("x.Y", "Z"));
        let model = Model {
            now: Duration::ZERO,
            starts: Vec::new(),
            ends: Vec::new(),
            edges: vec![Duration::ZERO],
        };
        Self {
            metrics,
            method,
            hand,
            model,
            flying: Vec::new(),
        }
    }

    fn step(&mut self, event: &Event) {
        match *event {
            // An edge and an event at one moment would lie on a side of the edge that only the order of the two tells.
            Event::Read => {
                self.step(&Event::Wait(Duration::from_nanos(1)));
                self.read();
                self.step(&Event::Wait(Duration::from_nanos(1)));
            }
            Event::Wait(time) => {
                self.hand.advance(time);
                self.model.now += time;
            }
            Event::Start { deadline } => {
                let mut call = self.method.start();
                if let Some(deadline) = deadline {
                    call.set_deadline(deadline);
                }
                self.model.starts.push(self.model.now);
                self.flying.push(Flying {
                    call,
                    start: self.model.now,
                    deadline,
                });
            }
            Event::End { place, code } => {
                if let Some(flying) = self.take(place) {
                    flying.call.end(Outcome::from_code(code));
                    self.ended(flying.start, Outcome::from_code(code));
                }
            }
            Event::Drop { place } => {
                if let Some(flying) = self.take(place) {
                    let outcome = self.without_answer(&flying, Outcome::CANCELLED);
                    self.ended(flying.start, outcome);
                }
            }
            Event::Panic { place } => {
                if let Some(flying) = self.take(place) {
                    let outcome = self.without_answer(&flying, Outcome::INTERNAL);
                    let start = flying.start;
                    let panicking = std::panic::AssertUnwindSafe(move || {
                        let _call = flying.call;
                        std::panic::resume_unwind(Box::new("the handler is broken"));
                    });
                    std::panic::catch_unwind(panicking).expect_err("it panics");
                    self.ended(start, outcome);
                }
            }
        }
    }

    fn without_answer(&self, flying: &Flying, in_time: Outcome) -> Outcome {
        let late = flying
            .deadline
            .is_some_and(|deadline| self.model.now - flying.start >= deadline);
        if late { Outcome::TIMEOUT } else { in_time }
    }

    fn take(&mut self, place: usize) -> Option<Flying> {
        (!self.flying.is_empty()).then(|| self.flying.swap_remove(place % self.flying.len()))
    }

    fn ended(&mut self, start: Duration, outcome: Outcome) {
        self.model
            .ends
            .push((self.model.now, outcome, self.model.now - start));
    }

    fn read(&mut self) {
        self.model.read();
        let figures = self.metrics.figures(Side::Consumer).remove(0);
        let scrape = Scrape::of(&self.metrics);
        self.check_totals(&figures, &scrape);
        self.check_window(&figures, &scrape);
        self.check_times(&scrape);
    }

    fn check_totals(&self, figures: &Figures, scrape: &Scrape) {
        let Self { model, flying, .. } = self;
        assert_eq!(figures.in_flight, flying.len() as u64);
        assert_eq!(
            model.starts.len() as u64,
            figures.in_flight + figures.outcomes.total(),
            "started = in flight + finished"
        );
        for kind in Kind::ALL {
            assert_eq!(
                figures.outcomes.of(kind),
                model.count(Duration::ZERO, kind),
                "{kind:?}"
            );
        }
        let value = |name: &str| scrape.value(&format!("dubbo_consumer_{name}"));
        assert_eq!(value("requests_total"), model.ends.len() as f64);
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
            model.ends.len() as f64
        );
        let sum: Duration = model.ends.iter().map(|(_, _, took)| *took).sum();
        close(
            value("request_duration_seconds_sum"),
            sum.as_secs_f64(),
            1e-9,
        );
        close(value("rt_milliseconds_sum"), sum.as_secs_f64() * 1e3, 1e-9);
    }

    fn check_window(&self, figures: &Figures, scrape: &Scrape) {
        let Self { model, .. } = self;
        let oldest = model.oldest();
        for kind in Kind::ALL {
            assert_eq!(
                figures.window_outcomes.of(kind),
                model.count(oldest, kind),
                "{kind:?} in the window"
            );
        }
        let started = model
            .starts
            .iter()
            .filter(|at| model.within(**at, oldest))
            .count();
        let span = (model.now - oldest).as_secs_f64().max(1e-9);
        close(figures.qps, started as f64 / span, 1e-9);
        assert!(
            span <= WINDOW.as_secs_f64() + model.longest_pane().as_secs_f64(),
            "the window is honoured: {span} s"
        );
        let value = |name: &str| scrape.value(&format!("dubbo_consumer_{name}"));
        let mut times: Vec<_> = model
            .ends
            .iter()
            .filter(|(at, ..)| model.within(*at, oldest))
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
            .model
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

impl Model {
    fn longest_pane(&self) -> Duration {
        let ends = self.edges[1..].iter().copied().chain([self.now]);
        self.edges
            .iter()
            .zip(ends)
            .map(|(start, end)| end - *start)
            .max()
            .unwrap_or_default()
    }
}

/// The place of the call that a quantile is, among `calls` calls in ascending order.
fn rank(quantile: f64, calls: usize) -> Option<usize> {
    (calls > 0).then(|| ((quantile * calls as f64).ceil() as usize).max(1) - 1)
}

fn close(value: f64, expected: f64, relative: f64) {
    let near = (value - expected).abs() <= expected.abs() * relative;
    assert!(
        near || (value.is_nan() && expected.is_nan()),
        "{value} is not {expected} within {relative}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_figure_is_what_a_plain_model_says(events in events()) {
        let mut world = World::new();
        for event in &events {
            world.step(event);
        }
        world.step(&Event::Read);
        while world.take(0).is_some_and(|flying| { flying.call.end(Outcome::SUCCESS); true }) {}
        prop_assert_eq!(world.metrics.figures(Side::Consumer)[0].in_flight, 0);
    }

    #[test]
    fn quantiles_are_within_one_percent_of_exact(nanos in proptest::collection::vec(1u64..(1 << 39), 1..2000)) {
        let (clock, hand) = Clock::manual();
        let config = Config { clock, window: Duration::from_secs(3600), ..Config::default() };
        let metrics = Metrics::new(config).expect("legal");
        let method = metrics.method(Side::Provider, &MethodKey::new("x.Y", "Z"));
        // All start together, so that the clock need not run for the sum of their times.
        let mut sorted = nanos.clone();
        sorted.sort_unstable();
        let mut calls: Vec<_> = nanos.iter().map(|_| method.start()).collect();
        let mut now = 0;
        for nanos in &sorted {
            hand.advance(Duration::from_nanos(nanos - now));
            now = *nanos;
            calls.pop().expect("one for each time").end(Outcome::SUCCESS);
        }
        let scrape = Scrape::of(&metrics);
        for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
            let exact = sorted[rank(quantile, sorted.len()).expect("some calls")] as f64 / 1e6;
            close(scrape.value(&format!("dubbo_provider_rt_milliseconds_{name}")), exact, 0.01);
        }
    }
}
