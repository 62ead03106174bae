//! What is done when a test is killed before it could clean up.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};

/// A command that runs if this process ends and has not dropped this value: a test that is killed drops nothing.
#[derive(Debug)]
pub struct CleanupIfKilled {
    /// The kernel closes it, however the process ends.
    alive: ChildStdin,
}

// === impl CleanupIfKilled ===

impl CleanupIfKilled {
    /// Deposits a command, whose environment is that of this process.
    ///
    /// # Panics
    /// When it can't be deposited.
    pub fn new<S: AsRef<OsStr>>(command: impl IntoIterator<Item = S>) -> Self {
        // In a session of its own, where Ctrl-C doesn't reach it; and no child of the test, so that the test need not wait for it.
        let mut executor = Command::new("setsid")
            .args(["--fork", "sh", "-c", "read -r _ || exec \"$@\"", "sh"])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid is a part of util-linux");
        let alive = executor.stdin.take().expect("it was piped");
        let status = executor.wait().expect("our own child can be waited for");
        assert!(status.success(), "setsid failed: {status}");
        Self { alive }
    }
}

impl Drop for CleanupIfKilled {
    fn drop(&mut self) {
        // A line revokes it. If the line is not read, nothing is carried out either.
        let _ = self.alive.write_all(b"\n");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{LONG, Process, eventually};

    /// Set to a file's path, it makes the test below a process that leaves a cleanup that touches the file, and never ends.
    const TESTATOR: &str = "TESTATOR";

    /// Returns whether a process runs that was given this file's path.
    fn is_argument(file: &Path) -> bool {
        let file = file.to_str().expect("a temporary path is text");
        let processes = std::fs::read_dir("/proc").expect("Linux tells its processes");
        processes.flatten().any(|process| {
            // A process that has ended since has no arguments.
            let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains(file)
        })
    }

    #[tokio::test]
    async fn it_is_carried_out_when_the_process_is_killed() {
        if let Some(file) = std::env::var_os(TESTATOR) {
            let _cleanup = CleanupIfKilled::new([OsStr::new("touch"), &file]);
            std::fs::write(std::path::Path::new(&file).with_extension("made"), "").unwrap();
            std::future::pending::<()>().await;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("done");
        let mut testator = Process::spawn(
            Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "cleanup::tests::it_is_carried_out_when_the_process_is_killed",
                ])
                .env(TESTATOR, &file),
        );
        eventually(LONG, "the cleanup is set up", async || {
            file.with_extension("made").exists()
        })
        .await;
        assert!(!file.exists(), "while the process lives, nothing is done");
        testator.kill();
        eventually(LONG, "the cleanup is carried out", async || file.exists()).await;
    }

    #[tokio::test]
    async fn it_is_revoked_by_a_drop() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("done");
        let cleanup = CleanupIfKilled::new([OsStr::new("touch"), file.as_os_str()]);
        assert!(
            is_argument(&file),
            "the process that would carry it out waits"
        );
        drop(cleanup);
        eventually(LONG, "no process is left to carry it out", async || {
            !is_argument(&file)
        })
        .await;
        assert!(!file.exists());
    }
}
