//! How much is measured.

use std::time::Duration;

/// The lengths and counts of a run.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// Turns of each subject.
    pub(crate) rounds: usize,
    /// Turns of each subject where its growth is compared with that of another one.
    pub(crate) growth_rounds: usize,
    /// How long a turn is measured.
    pub(crate) turn: Duration,
    /// How long a consumer's turn goes on before that.
    pub(crate) warm_up: Duration,
    /// How many calls a provider answers before its first turn.
    pub(crate) first_calls: u64,
    /// How long a turn at a fixed rate is measured.
    pub(crate) fixed_rate: Duration,
    /// Calls among which lost ones are looked for.
    pub(crate) calls: u64,
    /// Calls whose response times are compared.
    pub(crate) timed_calls: u64,
    /// The time over which pushes are watched.
    pub(crate) pushing: Duration,
    /// Connections to a provider, step by step.
    pub(crate) connections: Vec<u32>,
    /// Providers of a consumer.
    pub(crate) providers: Vec<u32>,
    /// Methods that are called.
    pub(crate) methods: Vec<u32>,
}

impl Extent {
    /// What is published.
    pub(crate) fn full() -> Self {
        Self {
            rounds: 5,
            growth_rounds: 3,
            turn: Duration::from_secs(2),
            warm_up: Duration::from_millis(700),
            first_calls: 20_000,
            fixed_rate: Duration::from_secs(3),
            calls: 1_500_000,
            timed_calls: 6_000,
            pushing: Duration::from_secs(10),
            connections: vec![1, 10, 100, 300, 1000],
            providers: vec![1, 20, 100, 250, 500],
            methods: vec![1, 10, 100, 300, 600, 1000],
        }
    }

    /// A first look, in a few minutes.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 2,
            growth_rounds: 1,
            turn: Duration::from_secs(1),
            fixed_rate: Duration::from_secs(1),
            calls: 100_000,
            timed_calls: 2_000,
            pushing: Duration::from_secs(4),
            connections: vec![1, 100, 1000],
            providers: vec![1, 50, 100],
            methods: vec![1, 100, 1000],
            ..Self::full()
        }
    }

    /// No more than is needed to see that everything can be measured; its figures mean nothing.
    pub(crate) fn smoke() -> Self {
        Self {
            rounds: 1,
            growth_rounds: 1,
            turn: Duration::from_millis(400),
            warm_up: Duration::from_millis(100),
            first_calls: 500,
            fixed_rate: Duration::from_millis(900),
            calls: 2_000,
            timed_calls: 256,
            pushing: Duration::from_secs(2),
            connections: vec![1, 8],
            providers: vec![1, 4],
            methods: vec![1, 10],
        }
    }
}
