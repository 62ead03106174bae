//! A temporary folder that is gone when its test is, also when that is killed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::cleanup::CleanupIfKilled;

/// How long a folder may take to be empty: a process that was killed may have children that still write.
const DEADLINE: Duration = Duration::from_secs(10);

/// Removes a folder in which a process may still write for a moment.
const REMOVE: &str = "for second in 1 2 3 4 5; do rm -rf -- \"$0\"; sleep 1; done";

/// A folder of its own in the system's place for temporary ones, removed when this value is dropped or its process has ended.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _cleanup: CleanupIfKilled,
}

// === impl Folder ===

impl Folder {
    /// Makes a folder whose name begins with this.
    ///
    /// # Panics
    /// When the place for temporary files can't be written to.
    pub fn new(prefix: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir()
            .expect("the temporary folder is writable");
        let path = folder.keep();
        let cleanup = CleanupIfKilled::new([
            "sh".as_ref(),
            "-c".as_ref(),
            REMOVE.as_ref(),
            path.as_os_str(),
        ]);
        Self {
            path,
            _cleanup: cleanup,
        }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let end = Instant::now() + DEADLINE;
        while let Err(err) = std::fs::remove_dir_all(&self.path) {
            if err.kind() == ErrorKind::NotFound {
                return;
            }
            if Instant::now() > end {
                // No reason for a test to fail, and none to be silent.
                eprintln!("{} is left behind: {err}", self.path.display());
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_folder_is_gone_with_what_is_in_it() {
        let folder = Folder::new("some");
        let path = folder.path().to_owned();
        std::fs::create_dir(path.join("inner")).unwrap();
        std::fs::write(path.join("inner/file"), "text").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
