//! A provider of any language.

use std::process::Command;

use test_servers::{Ephemerals, Folder, LONG, Process, ZooKeeper, eventually, free_port};

use crate::{Counts, Language, SESSION_TIMEOUT, java, peer};

/// A running provider; it can be started again on the same ports.
#[derive(Debug)]
pub struct Provider {
    process: Process,
    command: Command,
    language: Language,
    application: &'static str,
    host: String,
    port: u16,
    metrics_port: u16,
    // dubbo-go keeps a cache in the folder in which it runs.
    _folder: Folder,
}

impl Provider {
    /// Starts a provider that registers 127.0.0.1 at `zookeeper`, an address. All languages take the options `--delay` and
    /// `--error-rate`.
    ///
    /// # Panics
    /// When the program can't be built or started.
    pub fn start(language: Language, zookeeper: &str, options: &[&str]) -> Self {
        Self::start_on("127.0.0.1", language, zookeeper, options)
    }

    /// Starts a provider that registers this host.
    ///
    /// # Panics
    /// When the program can't be built or started.
    pub fn start_on(host: &str, language: Language, zookeeper: &str, options: &[&str]) -> Self {
        let application = match language {
            Language::Rust => "rust-provider",
            Language::Go => "go-provider",
            Language::Java => "java-provider",
        };
        let (port, metrics_port) = (free_port(), free_port());
        let folder = Folder::new("provider");
        let mut command = match language {
            Language::Rust => rust(zookeeper, metrics_port),
            Language::Go => go(zookeeper, metrics_port),
            Language::Java => {
                let mut command = java::command("provider", &folder);
                command.args([
                    format!("--zk-address={zookeeper}"),
                    format!("--metrics-port={metrics_port}"),
                ]);
                command
            }
        };
        command
            .arg(format!("--application={application}"))
            .arg(format!("--port={port}"))
            .args(options)
            .env("DUBBO_IP_TO_REGISTRY", host)
            .env("ZK_SESSION_TIMEOUT", SESSION_TIMEOUT)
            .current_dir(folder.path());
        Self {
            process: Process::spawn(&command),
            command,
            language,
            application,
            host: host.to_owned(),
            port,
            metrics_port,
            _folder: folder,
        }
    }

    /// Starts a provider and waits until it is registered.
    ///
    /// # Panics
    /// When it is not registered within a minute.
    pub async fn registered(language: Language, zookeeper: &ZooKeeper, options: &[&str]) -> Self {
        let mut provider = Self::start(language, &zookeeper.address(), options);
        provider.wait_registered(zookeeper).await;
        provider
    }

    /// Starts a provider that registers this host, and waits until it is registered.
    ///
    /// # Panics
    /// When it is not registered within a minute.
    pub async fn registered_on(
        host: &str,
        language: Language,
        zookeeper: &ZooKeeper,
        options: &[&str],
    ) -> Self {
        let mut provider = Self::start_on(host, language, &zookeeper.address(), options);
        provider.wait_registered(zookeeper).await;
        provider
    }

    /// Waits until its node is there and held by a connected session, and ours has registered everything: a dubbo-go consumer that starts
    /// before the mapping is there looks again only after 3 s.
    ///
    /// # Panics
    /// When that does not happen within a minute, or the provider has ended.
    pub async fn wait_registered(&mut self, zookeeper: &ZooKeeper) {
        let node = self.node();
        eventually(LONG, &format!("{node} registered"), async || {
            assert!(
                self.process.is_running(),
                "{node} has ended:\n{}",
                self.process.stderr()
            );
            let ephemerals = Ephemerals::of(zookeeper).await?;
            if !ephemerals.is_held(&node) {
                return Err(format!("{ephemerals:?}"));
            }
            let done = self.language != Language::Rust
                || self.process.stderr().contains(" registered address=");
            done.then_some(()).ok_or_else(|| self.process.stderr())
        })
        .await;
    }

    /// Ends it by SIGTERM and waits until it has left.
    ///
    /// # Panics
    /// When it does not leave within a minute, or leaves with an error.
    pub async fn leave(&mut self) {
        self.process.terminate();
        let code = self.process.wait(LONG).await;
        let expected = match self.language {
            Language::Rust | Language::Go => 0,
            // Java's own code for SIGTERM, after all that it does before.
            Language::Java => 143,
        };
        assert_eq!(
            code,
            expected,
            "{} left with\n{}",
            self.node(),
            self.process.stderr()
        );
    }

    /// Returns the port and the path of its pull endpoint.
    pub fn scraped_at(&self) -> (u16, &'static str) {
        (self.metrics_port, self.language.metrics_path())
    }

    /// Starts it again, on the same ports.
    pub fn start_again(&mut self) {
        self.process = Process::spawn(&self.command);
    }

    /// Waits until it has ended `calls` more calls than now.
    ///
    /// # Panics
    /// When that takes longer than a minute.
    pub async fn wait_called(&self, calls: u64) {
        let before = self.counts().await.map_or(0, |counts| counts.total);
        eventually(LONG, &format!("calls of {}", self.node()), async || {
            let now = self.counts().await?.total;
            if now >= before + calls {
                Ok(())
            } else {
                Err(format!("{now} calls, {before} before"))
            }
        })
        .await;
    }

    /// Returns what its metrics say.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn counts(&self) -> Result<Counts, String> {
        Counts::scrape(self.language, self.metrics_port, "provider").await
    }

    /// Returns the path of its node in ZooKeeper.
    pub fn node(&self) -> String {
        format!("/services/{}/{}:{}", self.application, self.host, self.port)
    }

    /// Returns the port on which it serves.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns what it is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Returns its process, to be signalled.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn rust(zookeeper: &str, metrics_port: u16) -> Command {
    let mut command = Command::new(e2e::binary("server"));
    command.args([
        format!("--zk-address={zookeeper}"),
        format!("--metrics-addr=127.0.0.1:{metrics_port}"),
        "--push=false".to_owned(),
        "--quiet".to_owned(),
    ]);
    command
}

fn go(zookeeper: &str, metrics_port: u16) -> Command {
    let mut command = Command::new(peer());
    command.args([
        "provider".to_owned(),
        format!("--zk-address={zookeeper}"),
        format!("--metrics-port={metrics_port}"),
    ]);
    command
}
