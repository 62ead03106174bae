//! Nothing is broken, for long: calls, scrapes, pushes, and providers that are replaced one after the other. What grows?

use std::time::Duration;

use e2e::{Program, Scrape};
use test_servers::{LONG, Prometheus, Pushgateway, ZooKeeper, eventually, prometheus_pull};
use tokio::time::{Instant, sleep_until};

mod process;
mod report;
mod trend;

pub use report::{Growth, SoakReport};

use crate::stage::{client, server};
use process::Process;

/// Between two looks at the processes.
const LOOK: Duration = Duration::from_secs(1);

/// The share of the time after which memory is measured: a process fills its buffers and its window first.
const WARM_UP: f64 = 1.0 / 3.0;

/// The window of the metrics, short, so that all its panes are in use when measuring begins.
const WINDOW: &str = "10s";

/// How much memory a process may gain over the measured time of a short soak: what an allocator takes in one piece.
const GROWTH_KIB: f64 = 1024.0;

/// How steep memory may rise in a soak that is long enough to tell a slope from an allocator's steps, in KiB a minute: at some
/// 300 calls a second, less than half a byte for each.
const SLOPE_KIB_PER_MINUTE: f64 = 8.0;

/// How long that is.
const LONG_ENOUGH: Duration = Duration::from_secs(20 * 60);

/// A soak, and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// The time under load.
    length: Duration,
    /// From one restart of a provider to the next.
    restart: Duration,
}

impl Soak {
    /// Makes a soak of this length with a restart every minute, or more often when it is short.
    #[must_use]
    pub fn lasting(length: Duration) -> Self {
        Self {
            length,
            restart: (length / 5).min(Duration::from_secs(60)),
        }
    }
}

/// What lasts as long as the soak.
struct Scene {
    zookeeper: ZooKeeper,
    gateway: Pushgateway,
    prometheus: Prometheus,
    /// Is scraped.
    lasting: Program,
    /// Are replaced in turn, and push.
    replaced: Vec<Program>,
    client: Program,
}

impl Scene {
    async fn start() -> Self {
        let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
        let config = prometheus_pull(&zookeeper.address(), &gateway.address());
        let prometheus = Prometheus::start(&config).await;
        let mut command = server(&zookeeper.address());
        let lasting = Program::start(command.args(["--metrics-window", WINDOW]));
        let replaced = (0..2)
            .map(|_| Program::start(&pushing(&zookeeper, &gateway)))
            .collect();
        let mut command = client(&zookeeper.address());
        command.args(["--quiet", "--metrics-window", WINDOW]);
        command.args([
            "--pushgateway-url",
            &gateway.address(),
            "--push-interval=1s",
        ]);
        let client = Program::start(&command);
        let scene = Self {
            zookeeper,
            gateway,
            prometheus,
            lasting,
            replaced,
            client,
        };
        eventually(
            LONG,
            "the lasting provider is scraped under load",
            async || {
                let answered = "dubbo_provider_requests_succeed_total{job=\"dubbo\"} > 100";
                scene.prometheus.query(answered).await.len() == 1
            },
        )
        .await;
        scene
    }

    /// Replaces the provider that has lasted longest of those that don't.
    async fn replace(&mut self) {
        self.replaced
            .push(Program::start(&pushing(&self.zookeeper, &self.gateway)));
        self.replaced
            .last()
            .expect("it was pushed just now")
            .logged("registered")
            .await;
        self.replaced.remove(0).stop().await;
    }
}

/// Returns the command of a provider whose last figures stay on the gateway.
fn pushing(zookeeper: &ZooKeeper, gateway: &Pushgateway) -> std::process::Command {
    let mut command = server(&zookeeper.address());
    command.args([
        "--push=true",
        "--push-interval=1s",
        "--delete-on-exit=false",
    ]);
    command.args(["--pushgateway-url", &gateway.address()]);
    command
}

impl Soak {
    /// Carries it out. `progress` is told once a minute, or at each restart, what there is to say.
    pub async fn run(self, mut progress: impl FnMut(String)) -> SoakReport {
        let Self { length, restart } = self;
        let mut scene = Scene::start().await;
        let mut processes = [
            Process::new("provider", &scene.lasting),
            Process::new("consumer", &scene.client),
        ];
        let mut report = SoakReport::default();
        let begin = Instant::now();
        let warm = begin + length.mul_f64(WARM_UP);
        let (mut next_look, mut next_restart) = (begin + LOOK, begin + restart);
        let end = begin + length;
        while next_look < end {
            sleep_until(next_look).await;
            next_look += LOOK;
            if Instant::now() >= warm {
                let minutes = begin.elapsed().as_secs_f64() / 60.0;
                processes
                    .iter_mut()
                    .for_each(|process| process.look(minutes));
            }
            // Those who come last have half a period to work in.
            if Instant::now() >= next_restart && next_restart + restart / 2 < end {
                scene.replace().await;
                report.restarts += 1;
                next_restart += restart;
                next_look = next_look.max(Instant::now());
                let memory: Vec<String> = processes
                    .iter()
                    .map(|process| format!("{} {} KiB", process.name, process.now().memory_kib))
                    .collect();
                let elapsed = begin.elapsed().as_secs();
                progress(format!(
                    "{elapsed} s: {} restarts, {}",
                    report.restarts,
                    memory.join(", ")
                ));
            }
        }
        report.growth = processes.iter().map(Process::growth).collect();
        report.judge(&processes, length);
        settle(&mut scene, &mut report).await;
        report
    }
}

/// What may come and go with a restart or a scrape: connections of the old and the new provider, blocking threads.
const FLUCTUATION: f64 = 8.0;

impl SoakReport {
    fn judge(&mut self, processes: &[Process], length: Duration) {
        let minutes = length.as_secs_f64() * (1.0 - WARM_UP) / 60.0;
        for process in processes {
            let (name, slope) = (process.name, process.memory.slope());
            let most = if length >= LONG_ENOUGH {
                SLOPE_KIB_PER_MINUTE
            } else {
                GROWTH_KIB / minutes
            };
            self.promise(
                slope <= most,
                format!("memory of the {name} is flat: it rises by {slope:.1} KiB a minute, {most:.1} are allowed"),
            );
            for (what, trend) in [
                ("descriptors", &process.descriptors),
                ("sockets", &process.sockets),
                ("threads", &process.threads),
            ] {
                let (first, most, rise) = (trend.first(), trend.most(), trend.slope() * minutes);
                self.promise(
                    rise < FLUCTUATION / 2.0 && most <= first + FLUCTUATION,
                    format!(
                        "no {what} of the {name} leak: {first}, at most {most}, rising by {rise:.1}"
                    ),
                );
            }
        }
    }
}

/// Ends the calls, and compares what both sides have counted.
async fn settle(scene: &mut Scene, report: &mut SoakReport) {
    scene.client.stop().await;
    let summary = scene.client.summary();
    let scrape = scene.lasting.scrape().await;
    for provider in &mut scene.replaced {
        provider.stop().await;
    }
    let pushed = Scrape(scene.gateway.samples().await);
    let figures = pushed.of(&[("job", "dubbo_client")]);
    report.calls = summary.calls;
    report.failed = summary.failed;
    report.promise(
        summary.failed == 0,
        format!("no call fails: {}", summary.line),
    );
    let counted = figures.value("dubbo_consumer_requests_total") as u64;
    let answered = pushed
        .of(&[("job", "dubbo_server")])
        .value("dubbo_provider_requests_succeed_total")
        + scrape.value("dubbo_provider_requests_succeed_total");
    let answered = answered as u64;
    report.lost = summary.calls.abs_diff(counted) + summary.succeeded.abs_diff(answered);
    report.promise(
        report.lost == 0,
        format!(
            "counts are exact: {}; the consumer counted {counted}, the providers answered {answered}",
            summary.line
        ),
    );
    let providers = pushed
        .of(&[("job", "dubbo_server")])
        .0
        .iter()
        .filter(|sample| sample.name() == "dubbo_provider_requests_succeed_total")
        .count() as u64;
    report.promise(
        providers == report.restarts + 2,
        format!(
            "every provider has left its figures: {providers} for {} restarts",
            report.restarts
        ),
    );
    report.pushes = scene.gateway.requests("put", 200).await;
    let scrapes = "count_over_time(up{job=\"dubbo\"}[1h])";
    report.scrapes = scene
        .prometheus
        .query(scrapes)
        .await
        .first()
        .map_or(0, |sample| sample.value as u64);
    report.promise(
        report.scrapes > 0,
        "the lasting provider is scraped".to_owned(),
    );
}
