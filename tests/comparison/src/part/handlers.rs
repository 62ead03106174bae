//! Handlers that compute or block instead of waiting: how many calls are answered, and what becomes of the others beside them.

use std::time::Duration;

use anyhow::Context as _;
use test_servers::ZooKeeper;

use super::provider::{ALONE, loaded};
use crate::bench::Bench;
use crate::h2load::{Load, Until};
use crate::programs::ProviderOptions;
use crate::quantity::Quantity;
use crate::results::Measured;
use crate::running::Running;
use crate::statistics::quantile;
use crate::subject::Subject;

mod one_connection;

/// The default, and what it is to be as fair as.
const SUBJECTS: [Subject; 2] = [Subject::Ours, Subject::WorkStealing];

/// How long a handler keeps its core busy: some twenty times the rest of a call.
const WORK: Duration = Duration::from_micros(200);

/// How long a handler blocks its thread.
const BLOCK: Duration = Duration::from_millis(50);

/// Connections of each kind where half of them call a method that computes.
const HALF: u32 = 4;

/// Calls a second on each connection that calls the light method.
const LIGHT_RATE: u32 = 100;

/// How much longer the heavy load lasts than what is measured beside it.
const BEFORE_AND_AFTER: Duration = Duration::from_millis(300);

/// A method of its own, for what computes or blocks beside `Greet`.
const HEAVY: &str = "Greet1";

/// The providers of one subject.
struct Providers {
    subject: Subject,
    computing: Running,
    /// Greet answers at once, and Greet1 computes.
    half_computing: Running,
    /// Greet answers at once, and Greet1 blocks its thread.
    half_blocking: Running,
}

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let zookeeper = ZooKeeper::start().await;
    let mut measured = Measured::default();
    let mut all = Vec::new();
    for subject in bench.of(&SUBJECTS) {
        let start = async |options| {
            let registry = zookeeper.address();
            let provider = bench.programs.provider(subject, &registry, options);
            provider.await.with_context(|| subject.to_string())
        };
        let computing = ProviderOptions {
            work: WORK,
            ..ProviderOptions::default()
        };
        let half = ProviderOptions {
            methods: 2,
            quick_greet: true,
            ..ProviderOptions::default()
        };
        all.push(Providers {
            subject,
            computing: start(computing).await?,
            half_computing: start(ProviderOptions { work: WORK, ..half }).await?,
            half_blocking: start(ProviderOptions {
                block: BLOCK,
                ..half
            })
            .await?,
        });
    }
    for round in 0..bench.extent.rounds {
        for at in Bench::order(round, all.len()) {
            let Providers {
                subject,
                computing,
                half_computing,
                half_blocking,
            } = &all[at];
            let mut add = |quantity: Quantity, figure| {
                measured.add(quantity, *subject, figure);
                bench.progress.say(format_args!(
                    "handlers, round {} of {}: {subject}: {}: {}",
                    round + 1,
                    bench.extent.rounds,
                    quantity.title(),
                    quantity.unit().show(figure),
                ));
            };
            let usual = Load::usual(computing.port(), Until::Over(bench.extent.turn));
            let alone = Load {
                connections: 1,
                streams: ALONE,
                ..usual
            };
            let (calls, _) = loaded(bench, computing, usual).await?;
            add(Quantity::BusyCalls, calls);
            let (calls, _) = loaded(bench, computing, alone).await?;
            add(Quantity::BusyCallsAlone, calls);
            let light = beside_heavy_connections(bench, half_computing).await?;
            add(Quantity::LightBesideHeavy, light);
            let (light, health) = one_connection::measure(half_blocking, bench.extent.turn).await?;
            add(Quantity::LightBesideBlocked, light);
            add(Quantity::HealthBesideBlocked, health);
        }
    }
    Ok(measured)
}

/// Returns the p99 in ms of calls to the light method, while as many connections call the heavy one without a pause.
async fn beside_heavy_connections(bench: &Bench, provider: &Running) -> anyhow::Result<f64> {
    let turn = bench.extent.turn;
    let heavy = Load {
        connections: HALF,
        method: HEAVY,
        ..Load::usual(
            provider.port(),
            Until::Over(turn + BEFORE_AND_AFTER + BEFORE_AND_AFTER),
        )
    };
    let mut beside = bench.h2load.start(heavy)?;
    tokio::time::sleep(BEFORE_AND_AFTER).await;
    let light = Load {
        connections: HALF,
        rate: Some(LIGHT_RATE),
        ..Load::usual(provider.port(), Until::Over(turn))
    };
    let (_, times) = bench.h2load.run_timed(light).await?;
    crate::h2load::ended(&mut beside).await?;
    Ok(quantile(&times, 0.99))
}
