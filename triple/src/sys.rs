//! What operating systems do differently: how long a connection may be dead before the system ends it, and what stops a process.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Lets the system end a connection whose peer leaves what it was sent unacknowledged for so long.
///
/// Linux alone can; elsewhere the system's own limit holds, which is some minutes.
pub(crate) fn limit_unacknowledged(stream: &TcpStream, limit: Duration) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_user_timeout(Some(limit))?;
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, limit);
    Ok(())
}

/// Lets the system ask the peer's host whether it is still there, once a connection has been `idle`: so many times, an `interval`
/// apart, before it ends the connection.
pub(crate) fn ask_idle_host(
    stream: &TcpStream,
    idle: Duration,
    interval: Duration,
    questions: u32,
) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(idle)
        .with_interval(interval)
        .with_retries(questions);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

pub(crate) use stop::StopRequests;

#[cfg(unix)]
mod stop {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// SIGTERM from an orchestrator, SIGINT from a terminal.
    #[derive(Debug)]
    pub(crate) struct StopRequests {
        terminate: Signal,
        interrupt: Signal,
    }

    impl StopRequests {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }

        pub(crate) async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            }
        }
    }
}

#[cfg(windows)]
mod stop {
    use std::io;

    use tokio::signal::windows::{
        CtrlBreak, CtrlC, CtrlShutdown, ctrl_break, ctrl_c, ctrl_shutdown,
    };

    /// Ctrl-C and Ctrl-Break from a console, and the end of the system.
    #[derive(Debug)]
    pub(crate) struct StopRequests {
        interrupt: CtrlC,
        stop: CtrlBreak,
        shutdown: CtrlShutdown,
    }

    impl StopRequests {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self {
                interrupt: ctrl_c()?,
                stop: ctrl_break()?,
                shutdown: ctrl_shutdown()?,
            })
        }

        pub(crate) async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.interrupt.recv() => "Ctrl-C",
                _ = self.stop.recv() => "Ctrl-Break",
                _ = self.shutdown.recv() => "shutdown",
            }
        }
    }
}
