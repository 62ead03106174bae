//! One of our own programs, with what it prints.

use std::io::{BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::child::Child;

/// A running program; its standard output and error are kept as they come.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    stdout: Output,
    stderr: Output,
}

/// What one stream has carried so far, filled by a thread that ends with the stream.
#[derive(Debug)]
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

// === impl Process ===

impl Process {
    /// Starts what `command` describes: its program, arguments, folder, and of the environment what it sets, as [`wrapped`] says; its
    /// streams are replaced.
    ///
    /// [`wrapped`]: crate::wrapped
    ///
    /// # Panics
    /// When there is no such program.
    pub fn spawn(command: &Command) -> Self {
        let mut child = Child::spawn(command, Stdio::piped(), Stdio::piped());
        let (stdout, stderr) = child.take_pipes();
        let name = command.get_program().to_string_lossy().into_owned();
        Self {
            child,
            name,
            stdout: Output::collect(stdout.expect("it was piped")),
            stderr: Output::collect(stderr.expect("it was piped")),
        }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it has written to its standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns what it has written to its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Returns whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.status().is_none()
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&mut self) {
        self.child.signal(Signal::TERM);
    }

    /// Interrupts it as Ctrl-C does (SIGINT).
    pub fn interrupt(&mut self) {
        self.child.signal(Signal::INT);
    }

    /// Stops it (SIGSTOP): connections stay open, and nothing answers.
    pub fn stop_process(&mut self) {
        self.child.stop();
    }

    /// Lets it go on after a stop (SIGCONT).
    pub fn continue_process(&mut self) {
        self.child.signal(Signal::CONT);
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Waits until it has ended and all its output has been read, and returns its exit code, or 128 + N after signal N as shells do.
    ///
    /// # Panics
    /// When it still runs after `deadline`, with what it printed.
    pub async fn wait(&mut self, deadline: Duration) -> i32 {
        let end = Instant::now() + deadline;
        let status = loop {
            if let Some(status) = self.child.status() {
                break status;
            }
            assert!(
                Instant::now() < end,
                "{} still runs after {deadline:?}\nstdout:\n{}\nstderr:\n{}",
                self.name,
                self.stdout(),
                self.stderr()
            );
            sleep(Duration::from_millis(10)).await;
        };
        self.stdout.finish();
        self.stderr.finish();
        status
            .code()
            .unwrap_or_else(|| 128 + status.signal().expect("no code means a signal"))
    }
}

// === impl Output ===

impl Output {
    fn collect(stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut chunk = [0; 8192];
            while let Ok(length @ 1..) = stream.read(&mut chunk) {
                sink.lock().extend_from_slice(&chunk[..length]);
            }
        });
        Self {
            bytes,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock()).into_owned()
    }

    /// Waits for the end of the stream, which the end of the process brings.
    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LONG, eventually};

    fn shell(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script]).env("WHO", "world"))
    }

    #[tokio::test]
    async fn output_and_exit_code_are_kept() {
        let mut process = shell("echo hello $WHO; echo oh no >&2; exit 3");
        assert_eq!(process.wait(LONG).await, 3);
        assert_eq!(process.stdout(), "hello world\n");
        assert_eq!(process.stderr(), "oh no\n");
        assert!(!process.is_running());
    }

    #[tokio::test]
    async fn output_can_be_read_while_it_runs_and_sigterm_arrives() {
        let mut process =
            shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
        eventually(LONG, "ready", async || process.stdout() == "ready\n").await;
        process.terminate();
        assert_eq!(process.wait(LONG).await, 0);
        assert_eq!(process.stdout(), "ready\nbye\n");
    }

    #[tokio::test]
    async fn a_killed_process_has_the_shells_code() {
        let mut process = shell("exec sleep 1000");
        process.kill();
        assert_eq!(process.wait(LONG).await, 137);
    }

    #[tokio::test]
    #[should_panic(expected = "still runs after 50ms\nstdout:\nworking")]
    async fn a_missed_deadline_shows_the_output() {
        let mut process = shell("echo working; exec sleep 1000");
        eventually(LONG, "output", async || !process.stdout().is_empty()).await;
        process.wait(Duration::from_millis(50)).await;
    }
}
