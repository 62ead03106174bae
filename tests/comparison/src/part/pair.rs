//! A consumer and a provider of the same kind, which find each other in a registry of their own where they have one.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use e2e::Summary;
use test_servers::ZooKeeper;
use tokio::time::sleep;

use super::consumer::{self, CALLERS};
use crate::bench::Bench;
use crate::programs::ProviderOptions;
use crate::quantity::{Quantity, Unit};
use crate::results::Measured;
use crate::running::Running;
use crate::subject::{Family, Subject};
use crate::tally::Tally;

/// The pause of each caller, for about 2,000 calls a second of all of them.
const PAUSE: Duration = Duration::from_millis(8);

/// Those that can be measured on both sides, with everything on.
const SUBJECTS: [Subject; 5] = [
    Subject::Ours,
    Subject::PerCore,
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
            .provider(
                subject,
                &address(zookeeper.as_ref()),
                ProviderOptions::default(),
            )
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
                let tally = self.tally(bench, Duration::ZERO, bench.extent.turn).await?;
                Ok(tally.calls as f64 / tally.seconds)
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
                let (p50, p99) = quantiles(&consumer.stop().await?)?;
                Ok((rate, p50, p99))
            }
            Family::DubboGo | Family::Tonic => {
                let tally = self.tally(bench, PAUSE, bench.extent.fixed_rate).await?;
                Ok((
                    tally.calls as f64 / tally.seconds,
                    tally.p50_ms,
                    tally.p99_ms,
                ))
            }
        }
    }

    /// Runs a consumer that reports on itself.
    async fn tally(&self, bench: &Bench, pause: Duration, time: Duration) -> anyhow::Result<Tally> {
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
        Tally::read(&consumer.ended().await?)
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
            &provider.address(),
            options,
        )
    }
}

/// Returns p50 and p99 of our client's summary, in ms; calls that failed are no measurement.
fn quantiles(stdout: &str) -> anyhow::Result<(f64, f64)> {
    let summary = Summary::read(stdout).context("the client has no summary")?;
    let line = &summary.line;
    ensure!(summary.failed == 0, "calls failed: {line}");
    summary
        .p50_ms
        .zip(summary.p99_ms)
        .with_context(|| format!("no quantiles in {line:?}"))
}

fn address(zookeeper: Option<&ZooKeeper>) -> String {
    zookeeper.map(ZooKeeper::address).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_calls_and_no_calls_are_no_measurement() {
        let line = "calls 1200, succeeded 1200, failed 0, p50 0.21 ms, p99 12.50 ms";
        assert_eq!(quantiles(line).unwrap(), (0.21, 12.5));
        let failed = "calls 10, succeeded 9, failed 1 (timeout 1), p50 1.00 ms, p99 2.00 ms";
        let err = quantiles(failed).unwrap_err().to_string();
        assert!(err.contains("calls failed"), "{err}");
        assert!(quantiles("calls 0, succeeded 0, failed 0, p50 -, p99 -").is_err());
        assert!(quantiles("").is_err());
    }
}
