//! The programs, and how each is started as a provider or as a consumer.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use test_servers::{Folder, free_port};

use crate::running::Running;
use crate::subject::{Family, Subject};

/// Where all programs are, and where they run.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// The folder of the server and the client that stand for ours per-core, if they are not in the same one.
    before: Option<PathBuf>,
    peer: Option<PathBuf>,
    /// Made once: a start that is timed only makes a folder in it.
    scratch: Folder,
}

/// The options of a provider beyond those that all have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProviderOptions {
    /// Methods; 0 for the sample's own program and its one method.
    pub(crate) methods: u32,
    /// Providers in one process, if more than one; not for dubbo-go.
    pub(crate) providers: u32,
    /// The shortest delay, of which the longest is [`SPREAD`] times as long.
    pub(crate) delay: Duration,
    /// How long a handler keeps its core busy; ours only.
    pub(crate) work: Duration,
    /// How long a handler blocks its thread; ours only.
    pub(crate) block: Duration,
    /// Greet answers at once, and only the other methods take their time; ours only.
    pub(crate) quick_greet: bool,
}

/// How many times the longest delay is the shortest.
pub(crate) const SPREAD: u32 = 8;

impl Programs {
    /// Looks for our programs beside this one.
    ///
    /// # Errors
    /// When one of them is not there.
    pub(crate) fn find(peer: Option<PathBuf>, before: Option<PathBuf>) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let folder = own
            .parent()
            .context("a program lies in a folder")?
            .to_owned();
        let absolute = |file: PathBuf, how: &str| {
            file.canonicalize()
                .with_context(|| format!("there is no {}: {how}", file.display()))
        };
        // Each program gets a folder of its own to run in.
        let build = "build tests/interop/peer with Go";
        let peer = peer.map(|peer| absolute(peer, build)).transpose()?;
        let build = "build the server and the client of that commit";
        let before = before.map(|folder| absolute(folder, build)).transpose()?;
        let own = ["server", "client", "load", "embedded", "plain-tonic"];
        let needed = own.map(|name| folder.join(name)).into_iter();
        let kept = before.iter();
        let kept = kept.flat_map(|folder| ["server", "client"].map(|name| folder.join(name)));
        for program in needed.chain(kept) {
            ensure!(
                program.exists(),
                "{} is missing: build the whole workspace",
                program.display()
            );
        }
        Ok(Self {
            folder,
            before,
            peer,
            scratch: Folder::new("comparison"),
        })
    }

    /// Returns whether this subject can be measured.
    pub(crate) fn have(&self, subject: Subject) -> bool {
        subject.family() != Family::DubboGo || self.peer.is_some()
    }

    /// Returns the path of the program that is a provider, or a consumer.
    pub(crate) fn path(&self, subject: Subject, ours: &str) -> anyhow::Result<PathBuf> {
        match subject.family() {
            Family::Ours => {
                let before = self.before.as_ref().filter(|_| subject == Subject::PerCore);
                Ok(before.unwrap_or(&self.folder).join(ours))
            }
            Family::Tonic => Ok(self.folder.join("plain-tonic")),
            Family::DubboGo => self.peer.clone().context("there is no dubbo-go peer"),
        }
    }

    /// Starts a provider that answers at once, unless its options say otherwise, registered at `zookeeper`; and waits for its first answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn provider(
        &self,
        subject: Subject,
        zookeeper: &str,
        options: ProviderOptions,
    ) -> anyhow::Result<Running> {
        let running = self.start_provider(subject, zookeeper, options, &[])?;
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
        options: ProviderOptions,
        further: &[String],
    ) -> anyhow::Result<Running> {
        let ProviderOptions {
            methods,
            providers,
            delay,
            work,
            block,
            quick_greet,
        } = options;
        let slow = [delay, work, block].iter().any(|time| !time.is_zero());
        let load = methods > 0 || providers > 0 || slow;
        let ours = if load { "load" } else { "server" };
        let mut command = Command::new(self.path(subject, ours)?);
        let (port, metrics_port) = (free_port(), free_port());
        match subject.family() {
            Family::Ours => {
                ours_with(&mut command, subject, zookeeper, metrics_port);
                command.arg("--delay=0s");
                if !load {
                    command.arg("--error-rate=0");
                }
            }
            Family::DubboGo => {
                command.args(["provider", "--application=go-provider", "--delay=0s"]);
                theirs_with(&mut command, subject, zookeeper, metrics_port);
            }
            Family::Tonic => {
                command.arg("provider").args(runtime(subject));
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
        if !block.is_zero() {
            command.arg(format!("--block={}ms", block.as_millis()));
        }
        if quick_greet {
            command.arg("--quick-greet");
        }
        command.arg(format!("--port={port}")).args(further);
        Running::spawn(&mut command, self.scratch.path(), port, metrics_port)
    }

    /// Starts a consumer that calls the providers that `zookeeper` lists, or, for those that use none, the ones at `addresses`: as many
    /// `host:port` as there are, separated by commas.
    ///
    /// # Errors
    /// When there is no such program.
    pub(crate) fn consumer(
        &self,
        subject: Subject,
        zookeeper: &str,
        addresses: &str,
        options: &[String],
    ) -> anyhow::Result<Running> {
        let metrics_port = free_port();
        let ours = match subject {
            Subject::OursEmbedded => "embedded",
            _ => "client",
        };
        let mut command = Command::new(self.path(subject, ours)?);
        match subject.family() {
            Family::Ours if subject == Subject::OursEmbedded => {
                command.arg(format!("--address={addresses}"));
            }
            Family::Ours => {
                ours_with(&mut command, subject, zookeeper, metrics_port);
                // Connected to all providers, as the others are.
                command.arg("--subset=0");
            }
            Family::DubboGo => {
                command.args(["consumer", "--application=go-consumer"]);
                theirs_with(&mut command, subject, zookeeper, metrics_port);
            }
            Family::Tonic => {
                command.arg("consumer").args(runtime(subject));
                command.arg(format!("--address={addresses}"));
            }
        }
        command.args(options);
        Running::spawn(&mut command, self.scratch.path(), 0, metrics_port)
    }
}

/// Returns the option that chooses a runtime; none where the default is measured.
fn runtime(subject: Subject) -> Option<String> {
    let runtime = subject.runtime()?;
    Some(format!("--runtime={runtime}"))
}

fn ours_with(command: &mut Command, subject: Subject, zookeeper: &str, metrics_port: u16) {
    command
        .arg(format!("--zk-address={zookeeper}"))
        .arg(format!("--metrics-addr=127.0.0.1:{metrics_port}"))
        .arg(format!("--metrics={}", subject.measures()))
        .args(runtime(subject))
        .args(["--push=false", "--quiet"]);
}

fn theirs_with(command: &mut Command, subject: Subject, zookeeper: &str, metrics_port: u16) {
    let metrics_port = if subject.measures() { metrics_port } else { 0 };
    command
        .arg(format!("--zk-address={zookeeper}"))
        .arg(format!("--metrics-port={metrics_port}"));
}
