//! The consumers that are compared.

use std::process::Command;
use std::time::Duration;

use e2e::Program;
use test_servers::{Folder, Process};

use crate::{Language, Load, Report, grpc_peer, peer};

/// How long a consumer may take for all its calls.
const PATIENCE: Duration = Duration::from_secs(300);

/// A consumer, told the addresses of its providers, with its own usual retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Our client.
    Ours,
    /// The peer on dubbo-go.
    DubboGo,
    /// The peer on grpc-go.
    GrpcGo,
}

// === impl Compared ===

impl Compared {
    /// All of them, ours first.
    pub const ALL: [Self; 3] = [Self::Ours, Self::DubboGo, Self::GrpcGo];

    /// Returns the heading of its column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::DubboGo => "dubbo-go",
            Self::GrpcGo => "grpc-go",
        }
    }

    fn command(self, addresses: &[String]) -> Command {
        let each: Vec<String> = addresses
            .iter()
            .map(|address| format!("tri://{address}"))
            .collect();
        match self {
            Self::Ours => {
                let mut command = Program::command("client");
                command.args(["--metrics=false", "--push=false", "--quiet"]);
                command.arg(format!("--direct={}", each.join(",")));
                command
            }
            Self::DubboGo => {
                let mut command = Command::new(peer());
                command.arg("consumer").arg("--duration=10m");
                command.arg(format!("--direct={}", each.join(";")));
                command
            }
            Self::GrpcGo => {
                let mut command = Command::new(grpc_peer());
                command.arg("consumer");
                command.arg(format!("--addresses={}", addresses.join(",")));
                command
            }
        }
    }

    fn read(self, stdout: &str) -> Option<Report> {
        match self {
            Self::Ours => Report::from_rust(stdout),
            Self::DubboGo | Self::GrpcGo => Report::from_peer(Language::Go, stdout),
        }
    }
}

/// A running consumer of these.
#[derive(Debug)]
pub(super) struct Calling {
    compared: Compared,
    process: Process,
    // dubbo-go keeps a cache in the folder in which it runs.
    _folder: Folder,
}

// === impl Calling ===

impl Calling {
    pub(super) fn start(compared: Compared, addresses: &[String], load: Load) -> Self {
        let folder = Folder::new("compared");
        let mut command = compared.command(addresses);
        command
            .arg(format!("--concurrency={}", load.concurrency))
            .arg(format!("--interval={}ms", load.interval.as_millis()))
            .args(load.count.map(|count| format!("--count={count}")))
            .current_dir(folder.path());
        Self {
            compared,
            process: Process::spawn(&command),
            _folder: folder,
        }
    }

    /// Returns whether it still calls.
    pub(super) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Waits for its last call, and returns what it says.
    pub(super) async fn end(mut self) -> Report {
        let code = self.process.wait(PATIENCE).await;
        let name = self.compared.name();
        assert_eq!(code, 0, "{name} failed:\n{}", self.process.stderr());
        self.compared
            .read(&self.process.stdout())
            .unwrap_or_else(|| panic!("{name} says nothing:\n{}", self.process.stdout()))
    }
}
