//! How much is called, and for how long.

use std::time::Duration;

use crate::Load;

/// How much the consumers call under each fault.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The turns of each consumer.
    pub rounds: u64,
    /// The load on two providers of which one refuses every call.
    pub black_hole: Load,
    /// The load on providers that renew their connections.
    pub renewed: Load,
    /// The age at which those connections end.
    pub age: Duration,
    /// The load on two providers of which one is killed and started again.
    pub restarted: Load,
    /// How long that one lives, and how long it is away.
    pub life: Duration,
    /// How long a provider is overloaded before it is measured.
    pub warm_up: Duration,
    /// How long it is measured.
    pub measured: Duration,
}

// === impl Extent ===

impl Extent {
    /// Returns what the kept table is made of.
    pub fn full() -> Self {
        Self {
            rounds: 3,
            black_hole: load(16, 0, 8000),
            renewed: load(10, 100, 2000),
            age: Duration::from_secs(1),
            restarted: load(10, 20, 4000),
            life: Duration::from_secs(1),
            warm_up: Duration::from_secs(6),
            measured: Duration::from_secs(10),
        }
    }

    /// Returns a tenth of it, for a first look.
    pub fn quick() -> Self {
        Self {
            rounds: 1,
            black_hole: load(16, 0, 800),
            renewed: load(10, 100, 200),
            age: Duration::from_millis(300),
            restarted: load(10, 20, 800),
            life: Duration::from_millis(500),
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(2),
        }
    }
}

fn load(concurrency: u32, milliseconds: u64, count: u64) -> Load {
    Load {
        concurrency,
        interval: Duration::from_millis(milliseconds),
        count: Some(count),
    }
}
