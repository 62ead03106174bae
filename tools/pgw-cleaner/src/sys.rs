//! What operating systems do differently: how a process is asked to stop.

use std::io;

/// What asks for the stop, listened to from the moment that this is made.
#[cfg(unix)]
#[derive(Debug)]
pub struct StopRequests([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl StopRequests {
    /// Listens for SIGTERM and SIGINT.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        ]))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    }
}

/// What asks for the stop, listened to from the moment that this is made.
#[cfg(windows)]
#[derive(Debug)]
pub struct StopRequests(
    tokio::signal::windows::CtrlC,
    tokio::signal::windows::CtrlBreak,
);

#[cfg(windows)]
impl StopRequests {
    /// Listens for Ctrl-C and Ctrl-Break.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c};
        Ok(Self(ctrl_c()?, ctrl_break()?))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! { _ = self.0.recv() => {}, _ = self.1.recv() => {} }
    }
}
