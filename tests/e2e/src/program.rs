//! Our own programs, started for a test.

use std::{
    env,
    ops::{Deref, DerefMut},
    process::Command,
};

use test_servers::{LONG, Process, eventually};

use crate::{Scrape, Summary, binary};

/// The programs of this workspace that people run.
pub const PROGRAMS: [&str; 4] = ["server", "client", "demo", "pgw-cleaner"];

/// A running server, client or demo, with what it has said about itself.
#[derive(Debug)]
pub struct Program(Process);

impl Program {
    /// Returns the command of one of our programs, with no option set and nothing inherited from the test's environment,
    /// apart from `PATH`. It registers 127.0.0.1.
    #[must_use]
    pub fn command(name: &str) -> Command {
        let mut command = Command::new(binary(name));
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("DUBBO_IP_TO_REGISTRY", "127.0.0.1");
        command
    }

    /// Returns the command of a server on free ports, which answers at once and without errors.
    #[must_use]
    pub fn server(zookeeper: &str) -> Command {
        let mut command = Self::command("server");
        command.args(["--zk-address", zookeeper, "--port", "0"]);
        command.args(["--metrics-addr", "127.0.0.1:0"]);
        command.args(["--delay", "0s", "--error-rate", "0", "--stop-wait", "2s"]);
        command
    }

    /// Returns the command of a client on free ports, which calls 20 times a second.
    #[must_use]
    pub fn client(zookeeper: &str) -> Command {
        let mut command = Self::command("client");
        command.args(["--zk-address", zookeeper, "--interval", "50ms"]);
        command.args(["--metrics-addr", "127.0.0.1:0"]);
        command
    }

    /// Returns the command of a demo on free ports, unless an option names another.
    #[must_use]
    pub fn demo() -> Command {
        let mut command = Self::command("demo");
        for variable in [
            "PROVIDER_ADDR",
            "PROVIDER_METRICS_ADDR",
            "CONSUMER_METRICS_ADDR",
        ] {
            command.env(variable, "127.0.0.1:0");
        }
        command
    }

    /// Returns what a program says to `--help`.
    ///
    /// # Panics
    ///
    /// When it fails, with what it says.
    #[must_use]
    pub fn help(name: &str) -> String {
        let output = Self::command(name).arg("--help").output();
        let output = output.expect("it was built just now");
        assert!(output.status.success(), "{name} --help: {output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    /// Starts a program.
    #[must_use]
    pub fn start(command: &Command) -> Self {
        Self(Process::spawn(command))
    }

    /// Waits until the log holds `text`, and returns the line.
    ///
    /// # Panics
    ///
    /// When it does not within [`LONG`].
    pub async fn logged(&self, text: &str) -> String {
        eventually(LONG, &format!("a log line with {text:?}"), async || {
            let log = self.stderr();
            log.lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
                .ok_or(log)
        })
        .await
    }

    /// Waits until the provider listens, and returns `127.0.0.1:port`.
    pub async fn provider_address(&self) -> String {
        local(&self.logged("provider listens").await)
    }

    /// Waits until the pull endpoint listens, and returns its URL.
    pub async fn metrics_url(&self) -> String {
        let address = local(&self.logged("metrics endpoint listens").await);
        format!("http://{address}/prometheus")
    }

    /// Waits until the probes listen, and returns the URL without a path.
    pub async fn probe_url(&self) -> String {
        format!("http://{}", local(&self.logged("probes listen").await))
    }

    /// Reads the pull endpoint.
    pub async fn scrape(&self) -> Scrape {
        Scrape::get(&self.metrics_url().await).await
    }

    /// Waits until the client has printed at least `count` greetings.
    ///
    /// # Panics
    ///
    /// When it has not within [`LONG`].
    pub async fn greeted(&self, count: usize) {
        eventually(LONG, &format!("{count} greetings"), async || {
            let greetings = self.greetings();
            (greetings >= count)
                .then_some(())
                .ok_or_else(|| format!("{greetings}\n{}\n{}", self.stdout(), self.stderr()))
        })
        .await;
    }

    /// Returns how many greetings the client has printed so far.
    #[must_use]
    pub fn greetings(&self) -> usize {
        let output = self.stdout();
        output
            .lines()
            .filter(|line| *line == "Greet response: hello world")
            .count()
    }

    /// Ends the program by SIGTERM, and asserts that it leaves in order.
    ///
    /// # Panics
    ///
    /// When it does not end within [`LONG`], or with another code than 0.
    pub async fn stop(&mut self) {
        self.terminate();
        let code = self.wait(LONG).await;
        assert_eq!(
            code,
            0,
            "a stopped program exits with 0:\n{}",
            self.stderr()
        );
    }

    /// Returns what the client's last line says.
    ///
    /// # Panics
    ///
    /// When it has not come to that.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let output = self.stdout();
        Summary::read(&output)
            .unwrap_or_else(|| panic!("no summary in\n{output}\n{}", self.stderr()))
    }
}

impl Deref for Program {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl DerefMut for Program {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.0
    }
}

/// Returns the address of a log line, as one to connect to from here.
fn local(line: &str) -> String {
    line.split_whitespace()
        .find_map(|field| field.strip_prefix("address="))
        .unwrap_or_else(|| panic!("no address in {line:?}"))
        .replace("0.0.0.0", "127.0.0.1")
        .replace("[::]", "127.0.0.1")
}
