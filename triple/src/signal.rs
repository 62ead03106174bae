//! What ends a process: SIGTERM from an orchestrator, SIGINT from a terminal; on Windows Ctrl-C, Ctrl-Break and the system's end.

use std::io;

use crate::sys::StopRequests;

/// What asks a process to stop, listened to from the moment that this is made.
#[derive(Debug)]
pub struct Signals(StopRequests);

impl Signals {
    /// Starts to listen; until then a signal ends the process as the operating system does.
    ///
    /// # Errors
    ///
    /// When the operating system refuses the handlers.
    pub fn install() -> io::Result<Self> {
        StopRequests::listen().map(Self)
    }

    /// Waits for the next signal and returns its name. The first asks for an orderly stop, the second for the end.
    pub async fn next(&mut self) -> &'static str {
        self.0.next().await
    }
}
