//! A child process that never outlives its owner.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::wrapped::wrapped;

/// How long a process may take to stand still.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// A running process, killed and reaped when this value is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    inner: std::process::Child,
}

// === impl Child ===

impl Child {
    /// Starts what `command` describes, under `setpriv --pdeathsig KILL`, which becomes the program itself (same process id).
    ///
    /// Of its environment it sees what [`wrapped`] says.
    pub(crate) fn spawn(command: &Command, stdout: Stdio, stderr: Stdio) -> Self {
        let program = command.get_program();
        assert!(
            find(program).is_some(),
            "there is no program {program:?}; is it built or installed?"
        );
        let inner = wrapped(&["setpriv", "--pdeathsig", "KILL", "--"], command)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|err| {
                panic!("setpriv (of util-linux) did not start {program:?}: {err}")
            });
        Self { inner }
    }

    /// Returns the pipes of the streams that were asked for as [`Stdio::piped`].
    pub(crate) fn take_pipes(
        &mut self,
    ) -> (
        Option<std::process::ChildStdout>,
        Option<std::process::ChildStderr>,
    ) {
        (self.inner.stdout.take(), self.inner.stderr.take())
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.inner.id()
    }

    /// Sends a signal; nothing happens when the process has already ended.
    pub(crate) fn signal(&mut self, signal: Signal) {
        // Asking first means that an ended process has been reaped, and an id is never signalled after another process has it.
        if self.status().is_some() {
            return;
        }
        let pid = Pid::from_child(&self.inner);
        kill_process(pid, signal)
            .unwrap_or_else(|err| panic!("signal {signal:?} to {pid:?}: {err}"));
    }

    /// Stops the process (SIGSTOP), and returns when all of its threads stand still: the kernel stops one after the other,
    /// and the last may still answer a request.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::STOP);
        let end = Instant::now() + STOP_DEADLINE;
        while self.status().is_none() && !stands_still(self.id()) {
            assert!(
                Instant::now() < end,
                "process {} does not stand still within {STOP_DEADLINE:?}",
                self.id()
            );
            std::thread::yield_now();
        }
    }

    /// Returns how the process ended, or `None` while it runs.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.inner
            .try_wait()
            .expect("our own child can be waited for")
    }

    /// Kills the process (SIGKILL) and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // Both fail only for a process that has already been reaped.
        let _ = self.inner.kill();
        let _ = self.inner.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns whether all threads of a process are stopped, which `stat` shows as `T` behind the name in brackets.
fn stands_still(id: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        // A thread that has ended since has no state any more.
        std::fs::read_to_string(thread.path().join("stat")).map_or(true, |stat| {
            stat.rsplit_once(')')
                .is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
        })
    })
}

/// Returns where `program` is, or `None` when it is no file and no folder of `PATH` holds it.
pub fn find(program: impl AsRef<Path>) -> Option<PathBuf> {
    let program = program.as_ref();
    if program.components().count() > 1 {
        return program.exists().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Child {
        Child::spawn(
            Command::new("sleep").arg("1000"),
            Stdio::null(),
            Stdio::null(),
        )
    }

    fn exists(id: u32) -> bool {
        Path::new(&format!("/proc/{id}")).exists()
    }

    #[test]
    fn a_stopped_child_stands_still_when_stop_returns() {
        let mut child = sleeper();
        child.stop();
        assert!(stands_still(child.id()));
        child.signal(Signal::CONT);
        while stands_still(child.id()) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_dropped_child_is_gone() {
        let child = sleeper();
        let id = child.id();
        assert!(exists(id), "it runs at first");
        drop(child);
        assert!(!exists(id), "it is gone after the drop");
    }

    #[test]
    fn a_child_dies_with_the_thread_that_started_it() {
        let mut child = std::thread::spawn(|| {
            let child = sleeper();
            // The signal is armed once setpriv has become the program.
            while std::fs::read(format!("/proc/{}/comm", child.id()))
                .is_ok_and(|comm| comm != b"sleep\n")
            {
                std::thread::yield_now();
            }
            child
        })
        .join()
        .expect("the thread ends well");
        let status = child.inner.wait().expect("our own child can be waited for");
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9),
            "it was killed: {status}"
        );
    }

    #[test]
    #[should_panic(expected = "there is no program \"no-such-program\"")]
    fn a_program_that_is_not_there_is_named() {
        Child::spawn(
            &Command::new("no-such-program"),
            Stdio::null(),
            Stdio::null(),
        );
    }
}
