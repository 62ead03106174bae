//! Progress on stderr.

use std::fmt::Display;
use std::io::{self, Write};

use tokio::time::Instant;

/// Says what is being measured, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    start: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Writes a line, with the time since the start.
    pub(crate) fn say(&self, what: impl Display) {
        let passed = self.start.elapsed().as_secs();
        // The reader may be gone.
        let _ = writeln!(io::stderr(), "{:>3}:{:02} {what}", passed / 60, passed % 60);
    }
}
