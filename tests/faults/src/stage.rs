//! The processes that a fault happens to: a client that calls two servers all the time, and a Pushgateway that keeps its last figures.

use std::process::Command;
use std::time::Duration;

use e2e::{Program, Scrape, Summary};
use test_servers::{Ephemerals, LONG, Pushgateway, ZooKeeper, eventually};
use tokio::time::{Instant, sleep};

use crate::report::Report;
use crate::watch;

/// The session timeout of all our processes: an outage that is longer costs every session.
pub(crate) const SESSION: Duration = Duration::from_secs(2);

/// How many calls show that calls go on.
pub(crate) const SOME: usize = 100;

/// The real servers of a stage, before our own processes.
#[derive(Debug)]
pub(crate) struct Infrastructure {
    pub(crate) zookeeper: ZooKeeper,
    pub(crate) gateway: Pushgateway,
}

impl Infrastructure {
    pub(crate) async fn start() -> Self {
        let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
        Self { zookeeper, gateway }
    }

    /// Returns the command of a server that can be scraped.
    pub(crate) fn server(&self) -> Command {
        server(&self.zookeeper.address())
    }

    /// Returns the command of a client that calls some hundred times a second, and leaves its last figures on the gateway.
    pub(crate) fn client(&self) -> Command {
        let mut command = client(&self.zookeeper.address());
        command.args(["--pushgateway-url", &self.gateway.address()]);
        command
    }

    /// Returns the command of such a client that gives up on an attempt soon.
    pub(crate) fn impatient_client(&self) -> Command {
        let mut command = self.client();
        command.args(["--timeout", "500ms"]);
        command
    }

    /// Starts the processes, and returns once calls are made on every server.
    pub(crate) async fn with(self, servers: &[Command], client: &Command) -> Stage {
        let servers = servers.iter().map(Program::start).collect();
        self.called_by(client, servers).await
    }

    /// Starts the client of these servers, and returns once calls are made on each.
    pub(crate) async fn called_by(self, client: &Command, servers: Vec<Program>) -> Stage {
        let Self { zookeeper, gateway } = self;
        for server in &servers {
            server.logged("registered").await;
        }
        let client = Program::start(client);
        let stage = Stage {
            zookeeper,
            gateway,
            servers,
            client,
            whole: true,
        };
        stage.every_provider_is_called().await;
        if let Some(watch) = watch::current() {
            let zookeeper = stage.zookeeper.address();
            watch
                .everything_runs(&zookeeper, &stage.gateway.address())
                .await;
        }
        stage
    }
}

/// Returns the command of a server that can be scraped, and finds ZooKeeper at this address.
pub(crate) fn server(zookeeper: &str) -> Command {
    let mut command = Program::server(zookeeper);
    command.args(["--push=false", "--quiet", "--probe-addr", "127.0.0.1:0"]);
    if watch::current().is_none() {
        command.args(["--zk-session-timeout", &format!("{}s", SESSION.as_secs())]);
    }
    command
}

/// Returns the command of a client that calls some hundred times a second, and finds ZooKeeper at this address.
pub(crate) fn client(zookeeper: &str) -> Command {
    let mut command = Program::client(zookeeper);
    command.args(["--concurrency", "4", "--delete-on-exit=false"]);
    if watch::current().is_none() {
        command.args(["--interval", "10ms", "--push-interval", "200ms"]);
        command.args(["--zk-session-timeout", &format!("{}s", SESSION.as_secs())]);
    } else {
        // Looked at for minutes, with the times that processes have by themselves, and beside others.
        command.args(["--interval", "100ms"]);
    }
    command
}

/// What a client says of its calls, as far as its metrics must say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// How many there were, succeeded, and failed.
    Outcomes,
    /// How many there were: an answer that cannot be decoded is a failure to its caller, and the success to the metrics that it
    /// was on the wire.
    Totals,
}

/// A client that calls servers all the time.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) zookeeper: ZooKeeper,
    pub(crate) gateway: Pushgateway,
    pub(crate) servers: Vec<Program>,
    pub(crate) client: Program,
    /// Whether every server that was called is still there to be asked.
    pub(crate) whole: bool,
}

impl Stage {
    /// Starts two servers and their client.
    pub(crate) async fn start() -> Self {
        let infrastructure = Infrastructure::start().await;
        let servers = [infrastructure.server(), infrastructure.server()];
        let client = infrastructure.client();
        infrastructure.with(&servers, &client).await
    }

    /// Waits until each server has been called some more.
    pub(crate) async fn every_provider_is_called(&self) {
        for server in &self.servers {
            is_called(server).await;
        }
    }

    /// Waits until some more calls have succeeded.
    pub(crate) async fn calls_go_on(&self) {
        self.client.greeted(self.client.greetings() + SOME).await;
    }

    /// Lets calls be made for so long, and returns the longest time in which none succeeded.
    pub(crate) async fn longest_gap(&self, length: Duration) -> Duration {
        let end = Instant::now() + length;
        let (mut greetings, mut since) = (self.client.greetings(), Instant::now());
        let mut longest = Duration::ZERO;
        while Instant::now() < end {
            sleep(Duration::from_millis(5)).await;
            let now = self.client.greetings();
            longest = longest.max(since.elapsed());
            if now > greetings {
                (greetings, since) = (now, Instant::now());
            }
        }
        longest
    }

    /// Waits until every server is registered by a session that is connected, and no other is.
    pub(crate) async fn every_process_is_registered(&self) {
        let mut nodes = Vec::new();
        for server in &self.servers {
            nodes.push(node(server).await);
        }
        eventually(LONG, &format!("{nodes:?} registered"), async || {
            let now = Ephemerals::of(&self.zookeeper).await?;
            let held = nodes.iter().all(|node| now.is_held(node));
            if held && now.instances().len() == nodes.len() {
                Ok(())
            } else {
                Err(format!("{now:?}"))
            }
        })
        .await;
    }

    /// Stops the client, compares what it says with what it and the servers have counted, and notes both.
    ///
    /// No observation may be lost, and nothing may be left in flight.
    pub(crate) async fn settle(&mut self, report: &mut Report) {
        let summary = self.settle_client(report, Compared::Outcomes).await;
        if self.whole {
            self.settle_servers(summary.succeeded, report).await;
        }
    }

    /// Stops the client, and compares what it says with what it has counted.
    pub(crate) async fn settle_client(
        &mut self,
        report: &mut Report,
        compared: Compared,
    ) -> Summary {
        if let Some(watch) = watch::current() {
            watch.afterwards().await;
        }
        self.client.stop().await;
        let summary = self.client.summary();
        let figures = Scrape(self.gateway.samples().await).of(&[("job", "dubbo_client")]);
        let counted = |family: &str| figures.sum(family).map_or(0, |value| value as u64);
        report.calls = summary.calls;
        report.failed = summary.failed;
        let said = [
            ("total", summary.calls),
            ("succeed_total", summary.succeeded),
            ("failed_total", summary.failed),
        ];
        let compared = match compared {
            Compared::Outcomes => &said[..],
            Compared::Totals => &said[..1],
        };
        report.lost = compared
            .iter()
            .map(|(family, calls)| {
                calls.abs_diff(counted(&format!("dubbo_consumer_requests_{family}")))
            })
            .max()
            .unwrap_or_default();
        report.promise(
            report.lost == 0,
            format!(
                "no observation of the consumer is lost: it says {:?}, and its metrics {}, {}, {}",
                summary.line,
                counted("dubbo_consumer_requests_total"),
                counted("dubbo_consumer_requests_succeed_total"),
                counted("dubbo_consumer_requests_failed_total"),
            ),
        );
        report.promise(
            counted("dubbo_consumer_requests_processing_total") == 0,
            "nothing is in flight in the consumer when it has ended",
        );
        summary
    }

    async fn settle_servers(&self, succeeded: u64, report: &mut Report) {
        let mut answered = 0;
        for server in &self.servers {
            let scrape = eventually(LONG, "nothing in flight in a server", async || {
                let scrape = server.scrape().await;
                let flying = scrape.value("dubbo_provider_requests_processing_total");
                if flying == 0.0 {
                    Ok(scrape)
                } else {
                    Err(flying)
                }
            })
            .await;
            answered += scrape.value("dubbo_provider_requests_succeed_total") as u64;
            let (total, succeeded, failed) = (
                scrape.value("dubbo_provider_requests_total"),
                scrape.value("dubbo_provider_requests_succeed_total"),
                scrape.value("dubbo_provider_requests_failed_total"),
            );
            report.promise(
                total == succeeded + failed,
                format!("a provider's counters add up: {total}, {succeeded}, {failed}"),
            );
        }
        // A provider may have answered a caller who was gone: more is right, less is a loss.
        let lost = succeeded.saturating_sub(answered);
        report.lost += lost;
        report.promise(
            lost == 0,
            format!("no observation of a provider is lost: they answered {answered} of {succeeded} calls"),
        );
    }

    /// Ends a fault for which no call may fail: settles, and returns the report.
    pub(crate) async fn unharmed(mut self, mut report: Report) -> Report {
        self.settle(&mut report).await;
        report.promise(
            report.failed == 0,
            format!("no call fails:\n{}", failures(&self.client)),
        );
        report
    }
}

/// Waits until a server has answered some more calls.
pub(crate) async fn is_called(server: &Program) {
    let answered = async || {
        let scrape = server.scrape().await;
        scrape.value("dubbo_provider_requests_succeed_total")
    };
    let before = answered().await;
    // After an outage of minutes a server may be ejected for another minute.
    eventually(2 * LONG, "a server is called", async || {
        let now = answered().await;
        if now >= before + 20.0 {
            Ok(())
        } else {
            Err(now - before)
        }
    })
    .await;
}

/// Returns the node under which a server is registered.
pub(crate) async fn node(server: &Program) -> String {
    let registered = server.logged("registered").await;
    let address = registered
        .split_whitespace()
        .find_map(|word| word.strip_prefix("address="))
        .unwrap_or_else(|| panic!("no address in {registered:?}"));
    format!("/services/dubbo-rust-server/{address}")
}

/// Returns the lines of the calls that failed, some of them, and the end of the client's log.
fn failures(client: &Program) -> String {
    let (output, log) = (client.stdout(), client.stderr());
    let failed = output
        .lines()
        .filter(|line| !line.starts_with("Greet response: "))
        .take(10);
    let log: Vec<&str> = log.lines().rev().take(10).collect();
    let lines: Vec<&str> = failed.chain(log.into_iter().rev()).collect();
    lines.join("\n")
}
