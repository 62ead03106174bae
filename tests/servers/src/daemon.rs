//! What all servers share: start on a free port, wait for the first answer, restart on the same port.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::child::{Child, find};
use crate::folder::Folder;
use crate::port::Port;

/// Until a server has answered for the first time; a JVM on a busy machine needs most of it.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// How often another port is tried when a server ends before it answers, as it does when another process has taken its port.
const START_ATTEMPTS: usize = 3;

/// The file in a server's folder that holds what it prints.
const LOG: &str = "log";

/// One kind of server: how it is started, and how it is asked whether it is there.
pub(crate) trait Launch {
    /// The program on `PATH` and the Debian package that it is in.
    const PROGRAM: (&str, &str);

    /// Returns the command that serves `port` of 127.0.0.1 and keeps its data in `folder`.
    fn command(&self, port: u16, folder: &Path) -> Command;

    /// Asks whether it serves already.
    fn answers(&self, port: u16) -> impl Future<Output = bool> + Send;
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Daemon<L> {
    launch: L,
    child: Child,
    port: Port,
    folder: Folder,
}

// === impl Daemon ===

impl<L: Launch> Daemon<L> {
    /// Starts the server and waits until it answers.
    pub(crate) async fn start(launch: L) -> Self {
        require(L::PROGRAM);
        let folder = Folder::new(L::PROGRAM.0);
        let mut attempts = START_ATTEMPTS;
        loop {
            let port = Port::claim();
            attempts -= 1;
            match spawn(&launch, port.number(), folder.path()).await {
                Ok(child) => {
                    return Self {
                        launch,
                        child,
                        port,
                        folder,
                    };
                }
                Err(err) => assert!(attempts > 0, "{err}"),
            }
        }
    }

    /// Returns the port, the same for as long as this value lives.
    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    /// Returns `127.0.0.1:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// Returns what the server has written to its log.
    pub(crate) fn log(&self) -> String {
        read(&self.folder().join(LOG))
    }

    /// Returns the folder that holds the data and the log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills the process and waits until it is gone; the data stays.
    pub(crate) fn kill(&mut self) {
        self.child.kill();
    }

    /// Stops the process (SIGSTOP), and returns when it stands still.
    pub(crate) fn stop(&mut self) {
        self.child.stop();
    }

    /// Sends a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Kills the process if it runs, starts it again on the same port with the same data, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.launch, self.port(), self.folder.path())
            .await
            .unwrap_or_else(|err| panic!("{err}"));
    }
}

async fn spawn<L: Launch>(launch: &L, port: u16, folder: &Path) -> Result<Child, String> {
    let log = folder.join(LOG);
    let out = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .expect("the folder is ours");
    let err = out.try_clone().expect("a file handle can be cloned");
    let mut child = Child::spawn(&launch.command(port, folder), out.into(), Stdio::from(err));
    let end = Instant::now() + START_DEADLINE;
    loop {
        if let Some(status) = child.status() {
            return Err(format!(
                "{} ended with {status}; {}",
                L::PROGRAM.0,
                tail(&log)
            ));
        }
        if launch.answers(port).await {
            return Ok(child);
        }
        if Instant::now() > end {
            return Err(format!(
                "{} did not answer within {START_DEADLINE:?}; {}",
                L::PROGRAM.0,
                tail(&log)
            ));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Panics with the command that installs what is missing.
fn require((program, package): (&str, &str)) {
    assert!(
        find(program).is_some(),
        "this test needs {program}: apt-get install --no-install-recommends {package}"
    );
}

fn read(log: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
}

fn tail(log: &Path) -> String {
    let text = read(log);
    let lines: Vec<&str> = text.lines().collect();
    format!(
        "its last lines:\n{}",
        lines[lines.len().saturating_sub(20)..].join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "apt-get install --no-install-recommends some-package")]
    fn a_missing_program_says_how_to_install_it() {
        require(("no-such-program", "some-package"));
    }

    #[derive(Debug)]
    struct Failing;

    impl Launch for Failing {
        const PROGRAM: (&str, &str) = ("sh", "dash");

        fn command(&self, _port: u16, _folder: &Path) -> Command {
            let mut command = Command::new("sh");
            command.args(["-c", "echo something is wrong >&2; exit 3"]);
            command
        }

        async fn answers(&self, _port: u16) -> bool {
            false
        }
    }

    #[tokio::test]
    #[should_panic(expected = "something is wrong")]
    async fn a_server_that_ends_at_once_shows_its_log() {
        Daemon::start(Failing).await;
    }
}
