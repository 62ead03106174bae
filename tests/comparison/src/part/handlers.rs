//! Handlers that compute instead of waiting: what each shape of our runtime makes of them, on many connections and on one.

use std::time::Duration;

use anyhow::Context as _;
use test_servers::ZooKeeper;

use super::provider::{ALONE, loaded};
use crate::bench::Bench;
use crate::h2load::{Load, Until};
use crate::programs::ProviderOptions;
use crate::quantity::{Quantity, Unit};
use crate::results::Measured;
use crate::subject::Subject;

/// How long a handler keeps its core busy: some twenty times the rest of a call.
const WORK: Duration = Duration::from_micros(200);

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let zookeeper = ZooKeeper::start().await;
    let options = ProviderOptions {
        work: WORK,
        ..ProviderOptions::default()
    };
    let mut measured = Measured::default();
    let mut providers = Vec::new();
    for subject in bench.of(&Subject::OURS) {
        let provider = bench
            .programs
            .provider(subject, &zookeeper.address(), options)
            .await
            .with_context(|| subject.to_string())?;
        providers.push((subject, provider));
    }
    for round in 0..bench.extent.rounds {
        for at in Bench::order(round, providers.len()) {
            let (subject, provider) = &providers[at];
            let usual = Load::usual(provider.port(), Until::Over(bench.extent.turn));
            let alone = Load {
                connections: 1,
                streams: ALONE,
                ..usual
            };
            for (quantity, load) in [
                (Quantity::BusyCalls, usual),
                (Quantity::BusyCallsAlone, alone),
            ] {
                let (calls, _) = loaded(bench, provider, load).await?;
                measured.add(quantity, *subject, calls);
                bench.progress.say(format_args!(
                    "handlers, round {} of {}: {subject}: {}: {}",
                    round + 1,
                    bench.extent.rounds,
                    quantity.title(),
                    Unit::PerSecond.show(calls),
                ));
            }
        }
    }
    Ok(measured)
}
