//! A plain grpc-go provider.

use std::process::Command;

use serde::Deserialize;
use test_servers::{LONG, Process, eventually};

use crate::grpc_peer;

/// A running grpc-go provider of the greeting service, with grpc-go's default keepalive enforcement.
#[derive(Debug)]
pub struct GrpcProvider {
    process: Process,
    address: String,
}

/// What a grpc-go provider counted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct GrpcReport {
    /// Calls that reached its handler.
    pub calls: u64,
    /// Connections that were made to it.
    pub connections: u64,
}

impl GrpcProvider {
    /// Starts a provider on a free port, and waits until it listens.
    ///
    /// # Panics
    /// When the program can't be built or started.
    pub async fn start(options: &[&str]) -> Self {
        let mut command = Command::new(grpc_peer());
        command.arg("provider").args(options);
        let process = Process::spawn(&command);
        let address = eventually(LONG, "the peer's address", async || {
            let output = process.stdout();
            let line = output.lines().next().map(str::to_owned);
            line.ok_or_else(|| process.stderr())
        })
        .await;
        Self { process, address }
    }

    /// Returns its `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns its process, to be signalled.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Stops it, and returns what it counted.
    ///
    /// # Panics
    /// When it does not end within a minute, or says nothing.
    pub async fn end(mut self) -> GrpcReport {
        self.process.terminate();
        let code = self.process.wait(LONG).await;
        assert_eq!(code, 0, "{}", self.process.stderr());
        let output = self.process.stdout();
        let report = output.lines().last().unwrap_or_default();
        serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {output}"))
    }
}
