//! A consumer of any language.

use std::process::Command;
use std::time::Duration;

use test_servers::{Folder, LONG, Process, Pushgateway, eventually, free_port};

use crate::{Counts, Language, Report, SESSION_TIMEOUT, java, peer};

/// How much a consumer calls.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Callers, each with one call at a time.
    pub concurrency: u32,
    /// The pause of a caller between two calls.
    pub interval: Duration,
    /// Calls in all; without it, calls until the consumer is stopped.
    pub count: Option<u64>,
}

/// A running consumer.
#[derive(Debug)]
pub struct Consumer {
    process: Process,
    figures: Figures,
    load: Load,
    // dubbo-go keeps a cache in the folder in which it runs.
    _folder: Folder,
}

/// Where a consumer's metrics are, also after its last call.
#[derive(Debug)]
enum Figures {
    /// Ours ends with a last push, to a gateway of its own.
    Pushed(Pushgateway),
    /// A peer stays for a while after its last call, with its pull endpoint on this port.
    Pulled(Language, u16),
}

impl Consumer {
    /// Starts a consumer that finds its providers at `zookeeper`, an address.
    ///
    /// # Panics
    /// When the program can't be built or started.
    pub async fn start(language: Language, zookeeper: &str, load: Load) -> Self {
        Self::start_with(language, zookeeper, load, &[]).await
    }

    /// Starts a consumer as [`start`](Self::start) does, with further options of its program.
    ///
    /// # Panics
    /// When the program can't be built or started.
    pub async fn start_with(
        language: Language,
        zookeeper: &str,
        load: Load,
        options: &[&str],
    ) -> Self {
        let folder = Folder::new("consumer");
        let (mut command, figures) = match language {
            Language::Rust => {
                let gateway = Pushgateway::start().await;
                (rust(&gateway), Figures::Pushed(gateway))
            }
            Language::Go => {
                let port = free_port();
                (go(port), Figures::Pulled(language, port))
            }
            Language::Java => {
                let port = free_port();
                let mut command = java::command("consumer", &folder);
                command.args([
                    "--application=java-consumer".to_owned(),
                    format!("--metrics-port={port}"),
                    // The test ends both.
                    "--duration=600000ms".to_owned(),
                    "--linger=600000ms".to_owned(),
                ]);
                (command, Figures::Pulled(language, port))
            }
        };
        command
            .arg(format!("--zk-address={zookeeper}"))
            .arg(format!("--concurrency={}", load.concurrency))
            .arg(format!("--interval={}ms", load.interval.as_millis()))
            .args(load.count.map(|count| format!("--count={count}")))
            .args(options)
            .env("ZK_SESSION_TIMEOUT", SESSION_TIMEOUT)
            .current_dir(folder.path());
        Self {
            process: Process::spawn(&command),
            figures,
            load,
            _folder: folder,
        }
    }

    /// Returns what its metrics say; ours are as old as its last push.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn counts(&self) -> Result<Counts, String> {
        match &self.figures {
            Figures::Pushed(gateway) => Ok(Counts::read(&gateway.samples().await, "consumer")),
            Figures::Pulled(language, port) => Counts::scrape(*language, *port, "consumer").await,
        }
    }

    /// Returns the port and the path of its pull endpoint; nothing for ours, which pushes.
    pub fn scraped_at(&self) -> Option<(u16, &'static str)> {
        match &self.figures {
            Figures::Pushed(_) => None,
            Figures::Pulled(language, port) => Some((*port, language.metrics_path())),
        }
    }

    /// Returns how many attempts have failed, of which a call may make several; only ours counts them.
    ///
    /// # Panics
    /// For another consumer than ours, or when its gateway does not answer.
    pub async fn failed_attempts(&self) -> u64 {
        let Figures::Pushed(gateway) = &self.figures else {
            panic!("only ours counts attempts");
        };
        let samples = gateway.samples().await;
        let failed = samples.iter().find(|sample| {
            sample.name() == "dubbo_consumer_attempts_total" && sample.has(&[("outcome", "failed")])
        });
        failed.expect("our consumer counts attempts").value as u64
    }

    /// Waits until it has ended `calls` more calls than now.
    ///
    /// # Panics
    /// When that takes longer than a minute.
    pub async fn wait_calls(&self, calls: u64) {
        let before = self.counts().await.map_or(0, |counts| counts.total);
        eventually(LONG, "further calls", async || {
            let now = self.counts().await?.total;
            if now >= before + calls {
                Ok(())
            } else {
                Err(format!("{now} calls, {before} before"))
            }
        })
        .await;
    }

    /// Waits for the last of its calls, or stops it when it has no last one, and returns what it reports and what its metrics say.
    ///
    /// # Panics
    /// When it does not end within a minute, or ends with an error.
    pub async fn end(mut self) -> (Report, Counts) {
        if self.load.count.is_none() {
            self.process.terminate();
        }
        match self.figures {
            Figures::Pushed(_) => {
                self.leave().await;
                let report = Report::from_rust(&self.process.stdout())
                    .unwrap_or_else(|| panic!("no summary:\n{}", self.process.stdout()));
                let counts = self.counts().await.expect("the gateway answers");
                (report, counts)
            }
            Figures::Pulled(language, _) => {
                let report = eventually(LONG, "the peer's report", async || {
                    Report::from_peer(language, &self.process.stdout())
                        .ok_or_else(|| self.process.stderr())
                })
                .await;
                let counts = self
                    .counts()
                    .await
                    .expect("the peer still serves its metrics");
                self.process.terminate();
                self.leave().await;
                (report, counts)
            }
        }
    }

    /// Returns what it has logged so far.
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    async fn leave(&mut self) {
        let code = self.process.wait(LONG).await;
        assert_eq!(code, 0, "the consumer failed:\n{}", self.process.stderr());
    }
}

fn rust(gateway: &Pushgateway) -> Command {
    let mut command = Command::new(e2e::binary("client"));
    command.args([
        format!("--pushgateway-url={}", gateway.url()),
        "--push-interval=500ms".to_owned(),
        // The test reads the figures after the end.
        "--delete-on-exit=false".to_owned(),
    ]);
    command
}

fn go(metrics_port: u16) -> Command {
    let mut command = Command::new(peer());
    command.args([
        "consumer".to_owned(),
        format!("--metrics-port={metrics_port}"),
        // The test ends both.
        "--duration=10m".to_owned(),
        "--linger=10m".to_owned(),
    ]);
    command
}
