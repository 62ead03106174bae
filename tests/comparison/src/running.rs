//! Providers and consumers, started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use greet::GreetRequest;
use greet::greet_service_client::GreetServiceClient;
use tempfile::TempDir;
use test_servers::{Process, Sample, Usage, eventually, free_port, get};
use tokio::time::Instant;

use crate::subject::{Family, Subject};
use crate::usage;

/// How long something may take that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Between two tries of a first call.
const TRY_AGAIN: Duration = Duration::from_millis(2);

/// Where all programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    peer: Option<PathBuf>,
}

/// A provider or a consumer.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    port: u16,
    metrics_port: u16,
    // dubbo-go keeps a cache in the folder in which it runs.
    _folder: TempDir,
}

/// The options of a provider beyond those that all have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Many {
    /// Methods; 0 for the sample's own program and its one method.
    pub(crate) methods: u32,
    /// Providers in one process, if more than one; not for dubbo-go.
    pub(crate) providers: u32,
    /// The shortest delay, of which the longest is [`SPREAD`] times as long.
    pub(crate) delay: Duration,
    /// How long a handler keeps its core busy; ours only.
    pub(crate) work: Duration,
}

/// How many times the longest delay is the shortest.
pub(crate) const SPREAD: u32 = 8;

impl Programs {
    /// Looks for our programs beside this one.
    ///
    /// # Errors
    /// When one of them is not there.
    pub(crate) fn find(peer: Option<PathBuf>) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let folder = own
            .parent()
            .context("a program lies in a folder")?
            .to_owned();
        for name in ["server", "client", "crowd", "plain-tonic"] {
            let program = folder.join(name);
            ensure!(
                program.exists(),
                "{} is missing: build the whole workspace",
                program.display()
            );
        }
        // Each program gets a folder of its own to run in.
        let absolute = |peer: PathBuf| {
            peer.canonicalize().with_context(|| {
                format!(
                    "there is no {}: build tests/interop/peer with Go",
                    peer.display()
                )
            })
        };
        Ok(Self {
            folder,
            peer: peer.map(absolute).transpose()?,
        })
    }

    /// Returns whether this subject can be measured.
    pub(crate) fn have(&self, subject: Subject) -> bool {
        subject.family() != Family::DubboGo || self.peer.is_some()
    }

    /// Returns the path of the program that is a provider, or a consumer.
    pub(crate) fn path(&self, subject: Subject, ours: &str) -> anyhow::Result<PathBuf> {
        match subject.family() {
            Family::Ours => Ok(self.folder.join(ours)),
            Family::Tonic => Ok(self.folder.join("plain-tonic")),
            Family::DubboGo => self.peer.clone().context("there is no dubbo-go peer"),
        }
    }

    /// Starts a provider that answers at once, unless `many` says otherwise, registered at `zookeeper`; and waits for its first answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn provider(
        &self,
        subject: Subject,
        zookeeper: &str,
        many: Many,
    ) -> anyhow::Result<Running> {
        let running = self.start_provider(subject, zookeeper, many, &[])?;
        running.answered().await?;
        Ok(running)
    }

    /// Starts a provider with further options, and does not wait.
    ///
    /// # Errors
    /// When there is no such program.
    pub(crate) fn start_provider(
        &self,
        subject: Subject,
        zookeeper: &str,
        many: Many,
        options: &[String],
    ) -> anyhow::Result<Running> {
        let Many {
            methods,
            providers,
            delay,
            work,
        } = many;
        let crowd = methods > 0 || providers > 0 || !delay.is_zero() || !work.is_zero();
        let ours = if crowd { "crowd" } else { "server" };
        let mut command = Command::new(self.path(subject, ours)?);
        let (port, metrics_port) = (free_port(), free_port());
        match subject.family() {
            Family::Ours => {
                ours_with(&mut command, subject, zookeeper, metrics_port);
                command.arg("--delay=0s");
                if !crowd {
                    command.arg("--error-rate=0");
                }
            }
            Family::DubboGo => {
                command.args(["provider", "--application=go-provider", "--delay=0s"]);
                theirs_with(&mut command, subject, zookeeper, metrics_port);
            }
            Family::Tonic => {
                command
                    .arg("provider")
                    .arg(format!("--runtime={}", subject.runtime()));
            }
        }
        if methods > 0 {
            command.arg(format!("--methods={methods}"));
        }
        if providers > 0 {
            command.arg(format!("--providers={providers}"));
        }
        if !delay.is_zero() {
            command.arg(format!("--delay={}ms", delay.as_millis()));
            command.arg(format!("--spread={SPREAD}"));
        }
        if !work.is_zero() {
            command.arg(format!("--work={}us", work.as_micros()));
        }
        command.arg(format!("--port={port}")).args(options);
        Running::spawn(&mut command, port, metrics_port)
    }

    /// Starts a consumer with so many callers that call the provider that `zookeeper` lists, or, for plain tonic, the one on `port`.
    ///
    /// # Errors
    /// When there is no such program.
    pub(crate) fn consumer(
        &self,
        subject: Subject,
        zookeeper: &str,
        port: u16,
        options: &[String],
    ) -> anyhow::Result<Running> {
        let metrics_port = free_port();
        let mut command = Command::new(self.path(subject, "client")?);
        match subject.family() {
            Family::Ours => {
                ours_with(&mut command, subject, zookeeper, metrics_port);
            }
            Family::DubboGo => {
                command.args(["consumer", "--application=go-consumer"]);
                theirs_with(&mut command, subject, zookeeper, metrics_port);
            }
            Family::Tonic => {
                command
                    .arg("consumer")
                    .arg(format!("--runtime={}", subject.runtime()));
                command.arg(format!("--address=127.0.0.1:{port}"));
            }
        }
        command.args(options);
        Running::spawn(&mut command, 0, metrics_port)
    }
}

fn ours_with(command: &mut Command, subject: Subject, zookeeper: &str, metrics_port: u16) {
    command
        .arg(format!("--zk-address={zookeeper}"))
        .arg(format!("--metrics-addr=127.0.0.1:{metrics_port}"))
        .arg(format!("--metrics={}", subject.measures()))
        .arg(format!("--runtime={}", subject.runtime()))
        .args(["--push=false", "--quiet"]);
}

fn theirs_with(command: &mut Command, subject: Subject, zookeeper: &str, metrics_port: u16) {
    let metrics_port = if subject.measures() { metrics_port } else { 0 };
    command
        .arg(format!("--zk-address={zookeeper}"))
        .arg(format!("--metrics-port={metrics_port}"));
}

impl Running {
    fn spawn(command: &mut Command, port: u16, metrics_port: u16) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        command
            .env("DUBBO_IP_TO_REGISTRY", "127.0.0.1")
            .env("RUST_LOG", "warn")
            .current_dir(folder.path());
        Ok(Self {
            process: Process::spawn(command),
            port,
            metrics_port,
            _folder: folder,
        })
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Returns the port on which it serves.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the CPU time that it has used.
    ///
    /// # Errors
    /// When it has ended, with what it said.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        usage::cpu(self.process.id()).with_context(|| self.process.stderr())
    }

    /// Returns its resident memory in MiB.
    ///
    /// # Errors
    /// When it has ended, with what it said.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        Ok(self.held()?.memory_kib as f64 / 1024.0)
    }

    /// Returns how many sockets it has open.
    ///
    /// # Errors
    /// When it has ended, with what it said.
    pub(crate) fn sockets(&self) -> anyhow::Result<usize> {
        Ok(self.held()?.sockets as usize)
    }

    fn held(&self) -> anyhow::Result<Usage> {
        let held = Usage::of(self.process.id());
        ensure!(
            held.memory_kib > 0,
            "the process has ended: {}",
            self.process.stderr()
        );
        Ok(held)
    }

    /// Calls it until it answers, with the right greeting.
    ///
    /// # Errors
    /// When it does not within a minute, or answers something else.
    pub(crate) async fn answered(&self) -> anyhow::Result<()> {
        let end = Instant::now() + DEADLINE;
        loop {
            match greet(self.port).await {
                Ok(greeting) => {
                    ensure!(greeting == "hello world", "not the greeting: {greeting:?}");
                    return Ok(());
                }
                Err(err) if Instant::now() > end => {
                    return Err(err)
                        .with_context(|| format!("no answer:\n{}", self.process.stderr()));
                }
                Err(_) => tokio::time::sleep(TRY_AGAIN).await,
            }
        }
    }

    /// Scrapes it, and returns the text.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn scrape(&self) -> anyhow::Result<String> {
        let url = format!("http://127.0.0.1:{}/prometheus", self.metrics_port);
        let answer = get(&url).await.map_err(anyhow::Error::msg)?;
        ensure!(answer.status == 200, "{url} answers {}", answer.status);
        Ok(answer.body)
    }

    /// Returns one of its metrics of the greeting service, summed over its methods; 0 when it has none.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let samples = Sample::parse(&self.scrape().await?);
        Ok(samples
            .iter()
            .filter(|sample| sample.name() == name && sample.label("interface") == greet::INTERFACE)
            .map(|sample| sample.value)
            .sum())
    }

    /// Returns how many calls it has answered as a provider, by its own count.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn answered_calls(&self) -> anyhow::Result<f64> {
        self.metric("dubbo_provider_requests_total").await
    }

    /// Waits until it has answered this many calls more than `before`.
    ///
    /// # Panics
    /// When that takes longer than a minute.
    pub(crate) async fn wait_called(&self, before: f64, more: f64) {
        eventually(DEADLINE, "calls by the consumer", async || {
            match self.answered_calls().await {
                Ok(calls) if calls >= before + more => Ok(()),
                Ok(calls) => Err(format!("{} of {more} calls", calls - before)),
                Err(err) => Err(format!("{err:#}")),
            }
        })
        .await;
    }

    /// Waits until its standard output satisfies `reached`.
    ///
    /// # Errors
    /// When it does not within a minute, with what it said.
    pub(crate) async fn wait_output(&self, reached: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + DEADLINE;
        while !reached(&self.process.stdout()) {
            ensure!(
                Instant::now() < end,
                "no output:\n{}",
                self.process.stderr()
            );
            tokio::time::sleep(TRY_AGAIN).await;
        }
        Ok(())
    }

    /// Waits until it has ended by itself, and returns its standard output.
    ///
    /// # Errors
    /// When it failed.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<String> {
        let code = self.process.wait(DEADLINE).await;
        ensure!(code == 0, "it failed ({code}):\n{}", self.process.stderr());
        Ok(self.process.stdout())
    }

    /// Stops it by SIGTERM, and returns its standard output.
    ///
    /// # Errors
    /// When it failed.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<String> {
        self.process.terminate();
        self.ended().await
    }
}

/// Makes one call on a connection of its own.
async fn greet(port: u16) -> anyhow::Result<String> {
    let mut client = GreetServiceClient::connect(format!("http://127.0.0.1:{port}")).await?;
    let request = GreetRequest {
        name: "hello world".to_owned(),
    };
    Ok(client.greet(request).await?.into_inner().greeting)
}

/// Returns the size of a file in MiB.
///
/// # Errors
/// When there is none.
pub(crate) fn size_mib(path: &Path) -> anyhow::Result<f64> {
    let size = std::fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .len();
    Ok(size as f64 / 1024.0 / 1024.0)
}
