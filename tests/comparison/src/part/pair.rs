//! A consumer and a provider of the same kind, which find each other in a registry of their own where they have one.

use std::time::Duration;

use anyhow::Context as _;
use test_servers::ZooKeeper;
use tokio::time::sleep;

use super::consumer::{self, CALLERS};
use crate::bench::Bench;
use crate::quantity::{Quantity, Unit};
use crate::results::Measured;
use crate::running::{Many, Running};
use crate::subject::{Family, Subject};
use crate::summary::{Report, client_quantiles};

/// The pause of each caller, for about 2,000 calls a second of all of them.
const PAUSE: Duration = Duration::from_millis(8);

/// Those that can be measured on both sides, with everything on; plain tonic is the ceiling.
const SUBJECTS: [Subject; 5] = [
    Subject::PerCore,
    Subject::WorkStealing,
    Subject::Tonic,
    Subject::TonicPerCore,
    Subject::DubboGo,
];

struct Pair {
    subject: Subject,
    /// Its registry; plain tonic has none.
    zookeeper: Option<ZooKeeper>,
    provider: Running,
}

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let mut pairs = Vec::new();
    for subject in bench.of(&SUBJECTS) {
        let zookeeper = match subject.family() {
            Family::Tonic => None,
            Family::Ours | Family::DubboGo => Some(ZooKeeper::start().await),
        };
        let provider = bench
            .programs
            .provider(subject, &address(zookeeper.as_ref()), Many::default())
            .await
            .with_context(|| subject.to_string())?;
        pairs.push(Pair {
            subject,
            zookeeper,
            provider,
        });
    }
    for round in 0..bench.extent.rounds {
        for at in Bench::order(round, pairs.len()) {
            let pair = &pairs[at];
            let subject = pair.subject;
            let calls = pair
                .calls(bench)
                .await
                .with_context(|| subject.to_string())?;
            let (rate, p50, p99) = pair
                .latency(bench)
                .await
                .with_context(|| subject.to_string())?;
            measured.add(Quantity::PairCalls, subject, calls);
            measured.add(Quantity::PairRate, subject, rate);
            measured.add(Quantity::PairP50, subject, p50);
            measured.add(Quantity::PairP99, subject, p99);
            bench.progress.say(format_args!(
                "end to end, round {} of {}: {subject}: {}; at {}: p50 {}, p99 {}",
                round + 1,
                bench.extent.rounds,
                Unit::PerSecond.show(calls),
                Unit::PerSecond.show(rate),
                Unit::Millis.show(p50),
                Unit::Millis.show(p99),
            ));
        }
    }
    Ok(measured)
}

impl Pair {
    /// Returns the calls per second of callers that never pause.
    ///
    /// Ours are counted by their provider, which loses none; the others count for themselves.
    async fn calls(&self, bench: &Bench) -> anyhow::Result<f64> {
        match self.subject.family() {
            Family::Ours => {
                let mut consumer = self.consumer(bench, &consumer::endless(self.subject))?;
                let turn = consumer::turn(bench, &consumer, &self.provider).await?;
                consumer::end(self.subject, &mut consumer).await?;
                Ok(turn.calls)
            }
            Family::DubboGo | Family::Tonic => {
                let report = self
                    .report(bench, Duration::ZERO, bench.extent.turn)
                    .await?;
                Ok(report.calls as f64 / report.seconds)
            }
        }
    }

    /// Returns the calls per second of callers that pause, and the p50 and p99 of their response times in ms.
    async fn latency(&self, bench: &Bench) -> anyhow::Result<(f64, f64, f64)> {
        match self.subject.family() {
            Family::Ours => {
                let options = [
                    format!("--concurrency={CALLERS}"),
                    format!("--interval={}ms", PAUSE.as_millis()),
                ];
                let mut consumer = self.consumer(bench, &options)?;
                let before = self.provider.answered_calls().await?;
                self.provider.wait_called(before, 1.0).await;
                let start = tokio::time::Instant::now();
                let before = self.provider.answered_calls().await?;
                sleep(bench.extent.fixed_rate).await;
                let calls = self.provider.answered_calls().await? - before;
                let rate = calls / start.elapsed().as_secs_f64();
                let (p50, p99) = client_quantiles(&consumer.stop().await?)?;
                Ok((rate, p50, p99))
            }
            Family::DubboGo | Family::Tonic => {
                let report = self.report(bench, PAUSE, bench.extent.fixed_rate).await?;
                Ok((
                    report.calls as f64 / report.seconds,
                    report.p50_ms,
                    report.p99_ms,
                ))
            }
        }
    }

    /// Runs a consumer that reports on itself.
    async fn report(
        &self,
        bench: &Bench,
        pause: Duration,
        time: Duration,
    ) -> anyhow::Result<Report> {
        let callers = match self.subject.family() {
            Family::Tonic => "callers",
            _ => "concurrency",
        };
        let warm_up = bench.extent.warm_up;
        let options = [
            format!("--{callers}={CALLERS}"),
            format!("--interval={}ms", pause.as_millis()),
            format!("--warm-up={}ms", warm_up.as_millis()),
            format!("--duration={}ms", (warm_up + time).as_millis()),
        ];
        let mut consumer = self.consumer(bench, &options)?;
        Report::read(&consumer.ended().await?)
    }

    fn consumer(&self, bench: &Bench, options: &[String]) -> anyhow::Result<Running> {
        let Self {
            subject,
            zookeeper,
            provider,
        } = self;
        bench.programs.consumer(
            *subject,
            &address(zookeeper.as_ref()),
            provider.port(),
            options,
        )
    }
}

fn address(zookeeper: Option<&ZooKeeper>) -> String {
    zookeeper.map(ZooKeeper::address).unwrap_or_default()
}
