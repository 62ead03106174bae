//! A provider or a consumer that runs.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use greet::GreetRequest;
use greet::greet_service_client::GreetServiceClient;
use tempfile::TempDir;
use test_servers::{LONG, Process, Sample, Usage, eventually, get};
use tokio::time::Instant;

use crate::cpu_time::cpu_time;

/// Between two tries of a first call.
const TRY_AGAIN: Duration = Duration::from_millis(2);

/// A provider or a consumer.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    port: u16,
    metrics_port: u16,
    // dubbo-go keeps a cache in the folder in which it runs.
    _folder: TempDir,
}

impl Running {
    /// Starts it in a folder of its own below `scratch`; `port` is where it serves, 0 of a consumer, and `metrics_port` where its
    /// metrics are.
    ///
    /// # Errors
    /// When there is no room for the folder.
    pub(crate) fn spawn(
        command: &mut Command,
        scratch: &Path,
        port: u16,
        metrics_port: u16,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(scratch)?;
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

    /// Returns the address on which it serves.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the CPU time that it has used.
    ///
    /// # Errors
    /// When it has ended, with what it said.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_time(self.process.id()).with_context(|| self.process.stderr())
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
        let end = Instant::now() + LONG;
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
        eventually(LONG, "calls by the consumer", async || {
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
        let end = Instant::now() + LONG;
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
        let code = self.process.wait(LONG).await;
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
