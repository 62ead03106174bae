//! Consumers with 16 callers that never pause, all on the same provider, which counts their calls.

use std::time::Duration;

use anyhow::Context as _;
use test_servers::ZooKeeper;
use tokio::time::{Instant, sleep};

use crate::bench::Bench;
use crate::programs::ProviderOptions;
use crate::quantity::{Quantity, Unit};
use crate::results::Measured;
use crate::running::Running;
use crate::subject::{Family, Subject};

/// How many calls a consumer makes at once.
pub(super) const CALLERS: u32 = 16;

/// A turn begins when this many calls were answered.
const FIRST_CALLS: f64 = 100.0;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let zookeeper = ZooKeeper::start().await;
    let mut measured = Measured::default();
    let provider = bench
        .programs
        .provider(
            Subject::Ours,
            &zookeeper.address(),
            ProviderOptions::default(),
        )
        .await?;
    let subjects = bench.of(&Subject::ALL);
    for round in 0..bench.extent.rounds {
        for at in Bench::order(round, subjects.len()) {
            let subject = subjects[at];
            let mut consumer = bench.programs.consumer(
                subject,
                &zookeeper.address(),
                &provider.address(),
                &endless(subject),
            )?;
            let Turn { calls, cpu, memory } = turn(bench, &consumer, &provider)
                .await
                .with_context(|| subject.to_string())?;
            end(subject, &mut consumer).await?;
            measured.add(Quantity::ConsumerCalls, subject, calls);
            measured.add(Quantity::ConsumerCpu, subject, cpu);
            measured.add(Quantity::ConsumerMemory, subject, memory);
            bench.progress.say(format_args!(
                "consumer, round {} of {}: {subject}: {}, {}, {}",
                round + 1,
                bench.extent.rounds,
                Unit::PerSecond.show(calls),
                Unit::Micros.show(cpu),
                Unit::Mebibytes.show(memory),
            ));
        }
    }
    Ok(measured)
}

/// What a consumer did in its turn: calls per second, µs of CPU per call, and MiB of memory at its end.
pub(super) struct Turn {
    pub(super) calls: f64,
    pub(super) cpu: f64,
    pub(super) memory: f64,
}

/// Waits until a consumer is at work, and measures it for a while.
pub(super) async fn turn(
    bench: &Bench,
    consumer: &Running,
    provider: &Running,
) -> anyhow::Result<Turn> {
    let before = provider.answered_calls().await?;
    provider.wait_called(before, FIRST_CALLS).await;
    sleep(bench.extent.warm_up).await;
    let (start, calls, cpu) = (
        Instant::now(),
        provider.answered_calls().await?,
        consumer.cpu()?,
    );
    sleep(bench.extent.turn).await;
    // A machine with too much to do may not have come to any.
    provider.wait_called(calls, 1.0).await;
    let (passed, calls, cpu) = (
        start.elapsed(),
        provider.answered_calls().await? - calls,
        consumer.cpu()?.saturating_sub(cpu),
    );
    Ok(Turn {
        calls: calls / passed.as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / calls,
        memory: consumer.memory()?,
    })
}

/// Returns the options of a consumer that calls until it is stopped.
pub(super) fn endless(subject: Subject) -> Vec<String> {
    match subject.family() {
        Family::Ours if subject == Subject::OursEmbedded => vec![format!("--callers={CALLERS}")],
        Family::Ours => vec![
            format!("--concurrency={CALLERS}"),
            "--interval=0s".to_owned(),
        ],
        Family::DubboGo => vec![
            format!("--concurrency={CALLERS}"),
            "--duration=10m".to_owned(),
        ],
        Family::Tonic => vec![format!("--callers={CALLERS}"), "--duration=10m".to_owned()],
    }
}

/// Ends a consumer; some have nothing that a signal could wait for.
pub(super) async fn end(subject: Subject, consumer: &mut Running) -> anyhow::Result<()> {
    if subject.family() != Family::Tonic && subject != Subject::OursEmbedded {
        consumer.stop().await.with_context(|| subject.to_string())?;
    } else {
        consumer.kill();
    }
    // What it held is taken down by its provider.
    sleep(Duration::from_millis(100)).await;
    Ok(())
}
