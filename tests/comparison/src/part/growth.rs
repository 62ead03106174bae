//! What one more connection, provider or method costs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use test_servers::{Ephemerals, LONG, ZooKeeper, eventually};
use tokio::time::{Instant, sleep};

use super::{consumer, costs, provider, registered};
use crate::bench::Bench;
use crate::h2load::{self, Load, Until};
use crate::programs::ProviderOptions;
use crate::results::{Added, Measured, Watched};
use crate::running::Running;
use crate::statistics::median;
use crate::subject::Subject;

/// Who gets more connections and more providers; plain tonic in the shape of ours shows what the transport costs.
const SUBJECTS: [Subject; 3] = [Subject::Ours, Subject::TonicPerCore, Subject::DubboGo];

/// Who gets more methods.
const WITH_METHODS: [Subject; 2] = [Subject::Ours, Subject::DubboGo];

/// Calls a second over all connections, however many there are: so that a call costs the same where connections cost nothing.
const RATE: u32 = 2_000;

/// What a load lasts longer, for all of its connections to be made.
const CONNECTING: Duration = Duration::from_secs(2);

/// Between two looks at a provider's memory and connections.
const LOOK: Duration = Duration::from_millis(100);

/// What is watched at each step, by round.
#[derive(Debug, Default)]
struct Points(BTreeMap<(Subject, Added, u32, Watched), Vec<f64>>);

impl Points {
    fn add(&mut self, subject: Subject, added: Added, count: u32, figures: &[(Watched, f64)]) {
        for &(watched, figure) in figures {
            let samples = self.0.entry((subject, added, count, watched)).or_default();
            samples.push(figure);
        }
    }

    /// Makes a curve of the medians.
    fn curves(self) -> Measured {
        let mut measured = Measured::default();
        for ((subject, added, count, watched), samples) in self.0 {
            let point = (f64::from(count), median(&samples));
            measured.point(added, watched, subject, point);
        }
        measured
    }
}

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let mut points = Points::default();
    // Consumers look into the second one, where no killed provider is left.
    let (any, clean) = (ZooKeeper::start().await, ZooKeeper::start().await);
    for round in 0..bench.extent.growth_rounds {
        let subjects = bench.of(&SUBJECTS);
        for at in Bench::order(round, subjects.len()) {
            let subject = subjects[at];
            // Its figures are compared with nothing that is near to them.
            if subject == Subject::DubboGo && round > 0 {
                continue;
            }
            connections(bench, &any, subject, &mut points)
                .await
                .with_context(|| subject.to_string())?;
            providers(bench, &clean, subject, &mut points)
                .await
                .with_context(|| subject.to_string())?;
        }
    }
    for subject in bench.of(&WITH_METHODS) {
        methods(bench, &any, subject, &mut points)
            .await
            .with_context(|| subject.to_string())?;
    }
    Ok(points.curves())
}

async fn connections(
    bench: &Bench,
    zookeeper: &ZooKeeper,
    subject: Subject,
    points: &mut Points,
) -> anyhow::Result<()> {
    for &count in &bench.extent.connections {
        let provider = bench
            .programs
            .provider(subject, &zookeeper.address(), ProviderOptions::default())
            .await?;
        let usual = Load::usual(provider.port(), Until::Calls(bench.extent.first_calls));
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
        let figures = [(Watched::Cpu, cpu), (Watched::Memory, memory * 1024.0)];
        points.add(subject, Added::Connections, count, &figures);
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
    points: &mut Points,
) -> anyhow::Result<()> {
    for &count in &bench.extent.providers {
        let options = ProviderOptions {
            providers: count,
            ..ProviderOptions::default()
        };
        let mut provider = bench
            .programs
            .provider(Subject::Ours, &zookeeper.address(), options)
            .await?;
        registered(zookeeper, count as usize).await;
        let instances = Ephemerals::of(zookeeper)
            .await
            .map_err(anyhow::Error::msg)?;
        let addresses = addresses(instances.instances());
        let before = provider.answered_calls().await?;
        let start = Instant::now();
        let mut consumer = bench.programs.consumer(
            subject,
            &zookeeper.address(),
            &addresses,
            &consumer::endless(subject),
        )?;
        let connected = connected(&consumer, count as usize, start).await;
        provider.wait_called(before, 1.0).await;
        let turn = consumer::turn(bench, &consumer, &provider).await?;
        consumer::end(subject, &mut consumer).await?;
        // It takes its nodes along.
        provider.stop().await?;
        let figures = [
            (Watched::Connected, connected),
            (Watched::Cpu, turn.cpu),
            (Watched::Memory, turn.memory * 1024.0),
        ];
        points.add(subject, Added::Providers, count, &figures);
        bench.progress.say(format_args!(
            "growth: {subject}: {count} providers: connected after {}, {}, {}",
            Watched::Connected.unit().show(connected),
            Watched::Cpu.unit().show(turn.cpu),
            Watched::Memory.unit().show(turn.memory * 1024.0),
        ));
    }
    Ok(())
}

/// Returns the last parts of paths such as `/services/load/127.0.0.1:20000`, with commas between them.
fn addresses<'p>(paths: impl IntoIterator<Item = &'p str>) -> String {
    let addresses: Vec<_> = paths
        .into_iter()
        .filter_map(|path| path.rsplit('/').next())
        .collect();
    addresses.join(",")
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
    points: &mut Points,
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
        let figures = [
            (Watched::Cpu, cpu),
            (Watched::Memory, memory * 1024.0),
            (Watched::Scrape, scrape),
            (Watched::ScrapeSize, size / 1024.0),
        ];
        points.add(subject, Added::Methods, count, &figures);
        bench.progress.say(format_args!(
            "growth: {subject}: {count} methods: {}, {}, scrape {}",
            Watched::Cpu.unit().show(cpu),
            Watched::Memory.unit().show(memory * 1024.0),
            Watched::Scrape.unit().show(scrape),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_names_of_instances() {
        let paths = ["/services/load/127.0.0.1:1", "/services/load/127.0.0.1:2"];
        assert_eq!(addresses(paths), "127.0.0.1:1,127.0.0.1:2");
    }

    #[test]
    fn a_curve_has_the_medians_of_all_rounds() {
        let mut points = Points::default();
        for (count, cpu) in [
            (1, 8.0),
            (10, 20.0),
            (1, 4.0),
            (10, 10.0),
            (1, 5.0),
            (10, 12.0),
        ] {
            points.add(Subject::Ours, Added::Methods, count, &[(Watched::Cpu, cpu)]);
        }
        let measured = points.curves();
        assert_eq!(measured.curves[0].points, [(1.0, 5.0), (10.0, 12.0)]);
        assert_eq!(measured.curves.len(), 1);
    }
}
