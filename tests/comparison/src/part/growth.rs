//! What one more connection, provider or method costs.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use test_servers::{LONG, ZooKeeper, eventually};
use tokio::time::{Instant, sleep};

use super::{consumer, costs, provider, registered};
use crate::bench::Bench;
use crate::h2load::{self, Load, Until};
use crate::programs::ProviderOptions;
use crate::results::{Added, Measured, Watched};
use crate::running::Running;
use crate::subject::Subject;

const SUBJECTS: [Subject; 3] = [Subject::PerCore, Subject::WorkStealing, Subject::DubboGo];

/// Calls a second over all connections, however many there are: so that a call costs the same where connections cost nothing.
const RATE: u32 = 2_000;

/// What a load lasts longer, for all of its connections to be made.
const CONNECTING: Duration = Duration::from_secs(2);

/// Between two looks at a provider's memory and connections.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    // Consumers look into the second one, where no killed provider is left.
    let (any, clean) = (ZooKeeper::start().await, ZooKeeper::start().await);
    for subject in bench.of(&SUBJECTS) {
        connections(bench, &any, subject, &mut measured)
            .await
            .with_context(|| subject.to_string())?;
        providers(bench, &clean, subject, &mut measured)
            .await
            .with_context(|| subject.to_string())?;
        methods(bench, &any, subject, &mut measured)
            .await
            .with_context(|| subject.to_string())?;
    }
    Ok(measured)
}

async fn connections(
    bench: &Bench,
    zookeeper: &ZooKeeper,
    subject: Subject,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    for &count in &bench.extent.connections {
        let provider = bench
            .programs
            .provider(subject, &zookeeper.address(), ProviderOptions::default())
            .await?;
        let usual = Load::usual(provider.port(), Until::Over(bench.extent.turn));
        bench
            .h2load
            .run(Load {
                connections: 1,
                ..usual
            })
            .await?;
        let load = Load {
            connections: count,
            streams: 8,
            until: Until::Over(bench.extent.turn + CONNECTING),
            rate: Some((RATE / count).max(1)),
            ..usual
        };
        let cpu = provider.cpu()?;
        let mut running = bench.h2load.start(load)?;
        let (mut memory, mut open) = (0.0, 0);
        while running.is_running() {
            memory = f64::max(memory, provider.memory()?);
            open = open.max(provider.sockets()?);
            sleep(LOOK).await;
        }
        ensure!(
            open >= count as usize,
            "{open} of {count} connections were open at once: the machine is too busy"
        );
        let calls = h2load::ended(&mut running).await?.calls as f64;
        ensure!(calls > 0.0, "no call was answered in time");
        let cpu = provider.cpu()?.saturating_sub(cpu).as_secs_f64() * 1e6 / calls;
        let mut point = |watched, value| {
            measured.point(
                Added::Connections,
                watched,
                subject,
                (f64::from(count), value),
            );
        };
        point(Watched::Cpu, cpu);
        point(Watched::Memory, memory * 1024.0);
        bench.progress.say(format_args!(
            "growth: {subject}: {count} connections: {}, {}",
            Watched::Cpu.unit().show(cpu),
            Watched::Memory.unit().show(memory * 1024.0),
        ));
    }
    Ok(())
}

async fn providers(
    bench: &Bench,
    zookeeper: &ZooKeeper,
    subject: Subject,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    for &count in &bench.extent.providers {
        let options = ProviderOptions {
            providers: count,
            ..ProviderOptions::default()
        };
        let mut crowd = bench
            .programs
            .provider(Subject::PerCore, &zookeeper.address(), options)
            .await?;
        registered(zookeeper, count as usize).await;
        let before = crowd.answered_calls().await?;
        let start = Instant::now();
        let mut consumer = bench.programs.consumer(
            subject,
            &zookeeper.address(),
            crowd.port(),
            &consumer::endless(subject),
        )?;
        let connected = connected(&consumer, count as usize, start).await;
        crowd.wait_called(before, 1.0).await;
        let turn = consumer::turn(bench, &consumer, &crowd).await?;
        consumer::end(subject, &mut consumer).await?;
        // It takes its nodes along.
        crowd.stop().await?;
        let mut point = |watched, value| {
            measured.point(
                Added::Providers,
                watched,
                subject,
                (f64::from(count), value),
            );
        };
        point(Watched::Connected, connected);
        point(Watched::Cpu, turn.cpu);
        point(Watched::Memory, turn.memory * 1024.0);
        bench.progress.say(format_args!(
            "growth: {subject}: {count} providers: connected after {}, {}, {}",
            Watched::Connected.unit().show(connected),
            Watched::Cpu.unit().show(turn.cpu),
            Watched::Memory.unit().show(turn.memory * 1024.0),
        ));
    }
    Ok(())
}

/// Returns the time from a consumer's start until it has a connection for each provider, in ms.
async fn connected(consumer: &Running, count: usize, start: Instant) -> f64 {
    eventually(LONG, "a connection to each provider", async || {
        let open = consumer.sockets().map_err(|err| format!("{err:#}"))?;
        if open >= count {
            Ok(())
        } else {
            Err(format!("{open} of {count}"))
        }
    })
    .await;
    start.elapsed().as_secs_f64() * 1e3
}

async fn methods(
    bench: &Bench,
    zookeeper: &ZooKeeper,
    subject: Subject,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    for &count in &bench.extent.methods {
        let server = costs::with_methods(bench, subject, zookeeper, count).await?;
        let usual = Load::usual(server.port(), Until::Over(bench.extent.turn));
        let load = Load {
            methods: count as usize,
            ..usual
        };
        let (_, cpu) = provider::loaded(bench, &server, load).await?;
        let memory = server.memory()?;
        let (scrape, size) = costs::scrape(&server).await?;
        let mut point = |watched, value| {
            measured.point(Added::Methods, watched, subject, (f64::from(count), value));
        };
        point(Watched::Cpu, cpu);
        point(Watched::Memory, memory * 1024.0);
        point(Watched::Scrape, scrape);
        point(Watched::ScrapeSize, size / 1024.0);
        bench.progress.say(format_args!(
            "growth: {subject}: {count} methods: {}, {}, scrape {}",
            Watched::Cpu.unit().show(cpu),
            Watched::Memory.unit().show(memory * 1024.0),
            Watched::Scrape.unit().show(scrape),
        ));
    }
    Ok(())
}
