//! The servers behind the dashboard, and the processes that feed it.

use std::process::Command;

use e2e::Program;
use stack::{Dashboard, short_rules};
use test_servers::{
    LONG, Prometheus, PrometheusVersion, Pushgateway, ZooKeeper, eventually, prometheus_pull,
};

/// How the figures leave the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Push,
    Pull,
}

/// What leaves the processes of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    /// Everything, with classic buckets.
    All,
    /// What the rest can be derived from, with classic buckets.
    Lean,
    /// The same, with native buckets only.
    LeanNative,
}

impl Families {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::All => &[],
            Self::Lean => &["--metrics-families", "lean"],
            Self::LeanNative => &["--metrics-families", "lean", "--metrics-buckets", "none"],
        }
    }
}

/// The servers behind the dashboard, and how processes find them.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) mode: Mode,
    families: Families,
    pub(crate) zookeeper: ZooKeeper,
    pushgateway: Pushgateway,
    pub(crate) prometheus: Prometheus,
}

impl Stack {
    /// Starts the servers with this version of Prometheus, for processes that export these families; it reads native histograms where there are no
    /// others.
    pub(crate) async fn start(version: PrometheusVersion, mode: Mode, families: Families) -> Self {
        let (zookeeper, pushgateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
        let config = prometheus_pull(&zookeeper.address(), &pushgateway.address());
        let prometheus = if families == Families::LeanNative {
            Prometheus::start_native(version, &config, &short_rules(), "").await
        } else {
            Prometheus::start_version(version, &config, &short_rules()).await
        };
        Self {
            mode,
            families,
            zookeeper,
            pushgateway,
            prometheus,
        }
    }

    /// Starts a process whose figures leave it in the mode of this stack, with this window.
    pub(crate) fn exported(&self, mut command: Command, window: &str) -> Program {
        command.args(["--metrics-window", window]);
        command.args(self.families.options());
        match self.mode {
            Mode::Push => command.args([
                "--push-interval",
                "1s",
                "--pushgateway-url",
                &self.pushgateway.url(),
            ]),
            Mode::Pull => command.arg("--push=false"),
        };
        Program::start(&command)
    }

    /// Starts a server with this window and these options.
    pub(crate) fn server(&self, window: &str, options: &[&str]) -> Program {
        let mut command = Program::server(&self.zookeeper.address());
        command.args(options);
        self.exported(command, window)
    }

    /// Starts a client that makes `calls` calls at once, and then none for an hour.
    pub(crate) fn burst(&self, window: &str, calls: &str) -> Program {
        let mut command = Program::client(&self.zookeeper.address());
        command.args(["--interval", "1h", "--concurrency", calls]);
        self.exported(command, window)
    }

    /// Waits until a query of the dashboard answers with this value.
    pub(crate) async fn shows(&self, dashboard: &Dashboard, place: &str, expected: f64) {
        eventually(LONG, &format!("{place} at {expected}"), async || {
            let value = dashboard.value(&self.prometheus, place).await;
            if value.is_some_and(|value| (value - expected).abs() < 1e-9) {
                Ok(())
            } else {
                Err(value)
            }
        })
        .await;
    }
}
