//! Random histories of calls against a plain model, on a clock that the test moves.

use std::time::Duration;

use crate::model::{Model, WINDOW, close, rank};
use crate::scrape::Scrape;
use metrics_core::{Call, Clock, Config, ManualClock, Method, MethodKey, Metrics, Outcome, Side};
use proptest::prelude::*;

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

struct World {
    metrics: Metrics,
    method: Method,
    manual: ManualClock,
    model: Model,
    flying: Vec<Flying>,
}

impl World {
    fn new() -> Self {
        let (clock, manual) = Clock::manual();
        let metrics = Metrics::new(Config::default().clock(clock).window(WINDOW)).expect("legal");
        let method = metrics.method(Side::Consumer, &MethodKey::new("x.Y", "Z"));
        Self {
            metrics,
            method,
            manual,
            model: Model::new(),
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
                self.manual.advance(time);
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
        self.model.check(self.flying.len(), &figures, &scrape);
    }
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
        let (clock, manual) = Clock::manual();
        let config = Config::default()
.clock(clock)
.window(Duration::from_secs(3600));
        let metrics = Metrics::new(config).expect("legal");
        let method = metrics.method(Side::Provider, &MethodKey::new("x.Y", "Z"));
        // All start together, so that the clock need not run for the sum of their times.
        let mut sorted = nanos.clone();
        sorted.sort_unstable();
        let mut calls: Vec<_> = nanos.iter().map(|_| method.start()).collect();
        let mut now = 0;
        for nanos in &sorted {
            manual.advance(Duration::from_nanos(nanos - now));
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
