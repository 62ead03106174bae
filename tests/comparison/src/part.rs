//! The parts of a run, each of which can be measured alone.

mod consumer;
mod costs;
mod exactness;
mod growth;
mod handlers;
mod pair;
mod provider;

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use test_servers::{Ephemerals, LONG, ZooKeeper, eventually};

use crate::bench::Bench;
use crate::results::Measured;

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// Providers under h2load
    Provider,
    /// Handlers that keep a core busy
    Handlers,
    /// Consumers that call the same provider
    Consumer,
    /// A consumer and a provider of the same kind
    Pair,
    /// Lost observations, and errors of quantiles
    Exactness,
    /// Starts, sizes, scrapes, pushes
    Costs,
    /// Many connections, providers, methods
    Growth,
}

impl Part {
    /// All of them, in the order in which they are measured.
    pub(crate) const ALL: [Self; 7] = [
        Self::Provider,
        Self::Handlers,
        Self::Consumer,
        Self::Pair,
        Self::Exactness,
        Self::Costs,
        Self::Growth,
    ];

    /// Returns the heading of its figures.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Provider => "Provider",
            Self::Handlers => "Handlers that keep a core busy",
            Self::Consumer => "Consumer",
            Self::Pair => "End to end",
            Self::Exactness => "Exactness",
            Self::Costs => "Other costs",
            Self::Growth => "Growth",
        }
    }

    /// Measures it.
    ///
    /// # Errors
    /// When a program cannot be started, or a call fails.
    pub(crate) async fn measure(self, bench: &Bench) -> anyhow::Result<Measured> {
        match self {
            Self::Provider => provider::measure(bench).await,
            Self::Handlers => handlers::measure(bench).await,
            Self::Consumer => consumer::measure(bench).await,
            Self::Pair => pair::measure(bench).await,
            Self::Exactness => exactness::measure(bench).await,
            Self::Costs => costs::measure(bench).await,
            Self::Growth => growth::measure(bench).await,
        }
    }
}

/// Waits until so many providers are registered.
async fn registered(zookeeper: &ZooKeeper, count: usize) {
    eventually(LONG, "all providers registered", async || {
        let registered = Ephemerals::of(zookeeper).await?.instances().len();
        if registered >= count {
            Ok(())
        } else {
            Err(format!("{registered} of {count}"))
        }
    })
    .await;
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(
            self.to_possible_value()
                .as_ref()
                .map_or("", |value| value.get_name()),
        )
    }
}
