//! Providers under the same load: all run at once, and one after the other gets it.

use anyhow::Context as _;
use test_servers::ZooKeeper;

use crate::bench::Bench;
use crate::h2load::{Load, Until};
use crate::programs::ProviderOptions;
use crate::quantity::{Quantity, Unit};
use crate::results::Measured;
use crate::running::Running;
use crate::statistics::quantile;
use crate::subject::Subject;

/// The fixed rate, and the connections that it is made of.
const CONNECTIONS: u32 = 8;
const RATE: u32 = 2_000;

/// Calls in flight when one connection carries all of them: as many as on all connections otherwise.
pub(super) const ALONE: u32 = 128;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let zookeeper = ZooKeeper::start().await;
    let mut measured = Measured::default();
    let mut providers = Vec::new();
    for subject in bench.of(&Subject::providers()) {
        let provider = bench
            .programs
            .provider(subject, &zookeeper.address(), ProviderOptions::default())
            .await
            .with_context(|| subject.to_string())?;
        bench
            .h2load
            .run(Load::usual(
                provider.port(),
                Until::Calls(bench.extent.first_calls),
            ))
            .await?;
        providers.push((subject, provider));
    }
    for round in 0..bench.extent.rounds {
        for at in Bench::order(round, providers.len()) {
            let (subject, provider) = &providers[at];
            turn(bench, round, *subject, provider, &mut measured)
                .await
                .with_context(|| subject.to_string())?;
        }
        for at in Bench::order(round, providers.len()) {
            let (subject, provider) = &providers[at];
            alone(bench, *subject, provider, &mut measured).await?;
        }
        for at in Bench::order(round, providers.len()) {
            let (subject, provider) = &providers[at];
            fixed_rate(bench, *subject, provider, &mut measured).await?;
        }
    }
    Ok(measured)
}

async fn turn(
    bench: &Bench,
    round: usize,
    subject: Subject,
    provider: &Running,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let load = Load::usual(provider.port(), Until::Over(bench.extent.turn));
    let (calls, cpu) = loaded(bench, provider, load).await?;
    let memory = provider.memory()?;
    measured.add(Quantity::ProviderCalls, subject, calls);
    measured.add(Quantity::ProviderCpu, subject, cpu);
    measured.add(Quantity::ProviderMemory, subject, memory);
    bench.progress.say(format_args!(
        "provider, round {} of {}: {subject}: {}, {}, {}",
        round + 1,
        bench.extent.rounds,
        Unit::PerSecond.show(calls),
        Unit::Micros.show(cpu),
        Unit::Mebibytes.show(memory),
    ));
    Ok(())
}

async fn alone(
    bench: &Bench,
    subject: Subject,
    provider: &Running,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let usual = Load::usual(provider.port(), Until::Over(bench.extent.turn / 2));
    let load = Load {
        connections: 1,
        streams: ALONE,
        ..usual
    };
    let (calls, cpu) = loaded(bench, provider, load).await?;
    measured.add(Quantity::ProviderCallsAlone, subject, calls);
    measured.add(Quantity::ProviderCpuAlone, subject, cpu);
    Ok(())
}

async fn fixed_rate(
    bench: &Bench,
    subject: Subject,
    provider: &Running,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let usual = Load::usual(provider.port(), Until::Over(bench.extent.fixed_rate / 3));
    let load = Load {
        rate: Some(RATE / CONNECTIONS),
        connections: CONNECTIONS,
        ..usual
    };
    let (_, times) = bench.h2load.run_timed(load).await?;
    measured.add(Quantity::ProviderP50, subject, quantile(&times, 0.5));
    measured.add(Quantity::ProviderP99, subject, quantile(&times, 0.99));
    Ok(())
}

/// Puts a load on a provider, and returns its calls per second and its CPU time per call in µs.
pub(super) async fn loaded(
    bench: &Bench,
    provider: &Running,
    load: Load,
) -> anyhow::Result<(f64, f64)> {
    let before = provider.cpu()?;
    let loaded = bench.h2load.run(load).await?;
    let cpu = provider.cpu()?.saturating_sub(before);
    let calls = loaded.calls as f64;
    Ok((calls / loaded.seconds, cpu.as_secs_f64() * 1e6 / calls))
}
