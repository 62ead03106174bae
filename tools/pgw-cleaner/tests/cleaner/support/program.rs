//! The program as a process.

use std::process::Command;

use serde_json::Value;
use test_servers::{LONG, Process};

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Returns the report that it wrote with `--output json`.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the exit code, that the one line on stderr has all of these texts, and that stdout agrees.
    pub(crate) fn failed(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        let line = self
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("pgw-cleaner: "));
        let line = line.unwrap_or_else(|| panic!("no line on the failure: {self:?}"));
        for text in texts {
            assert!(line.contains(text), "{text:?} is not in {line:?}");
        }
        let report = self.report();
        assert_eq!(
            (&report["error"], &report["exit_status"]),
            (&line.into(), &code.into())
        );
    }
}

/// Starts the program.
pub(crate) fn start(url: &str, options: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgw-cleaner"));
    Process::spawn(command.args(["--pushgateway-url", url]).args(options))
}

/// Runs the program to its end.
pub(crate) async fn run(url: &str, options: &[&str]) -> Ended {
    let mut process = start(url, options);
    let code = process.wait(LONG).await;
    Ended {
        code,
        stdout: process.stdout(),
        stderr: process.stderr(),
    }
}
