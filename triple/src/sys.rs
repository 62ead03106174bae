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
/// apart, before it ends the connection. A system that cannot be told how many times (Windows before 10 1709) takes its own number.
pub(crate) fn ask_idle_host(
    stream: &TcpStream,
    idle: Duration,
    interval: Duration,
    questions: u32,
) -> io::Result<()> {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval);
    let counted = keepalive.clone().with_retries(questions);
    socket
        .set_tcp_keepalive(&counted)
        .or_else(|_| socket.set_tcp_keepalive(&keepalive))
}

/// What a thread has used, and how often it has stopped, since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// The time on a processor, in nanoseconds.
    pub(crate) cpu: u64,
    /// How often it waited for something.
    pub(crate) waits: u64,
    /// How often the system ran something else in its place.
    pub(crate) preemptions: u64,
}

impl Usage {
    /// Reads the usage of this thread; only Linux tells.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_thread() -> Option<Self> {
        use nix::sys::{
            resource::{UsageWho, getrusage},
            time::TimeValLike,
        };

        let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
        let cpu = (usage.user_time() + usage.system_time()).num_nanoseconds();
        Some(Self {
            cpu: u64::try_from(cpu).ok()?,
            waits: u64::try_from(usage.voluntary_context_switches()).ok()?,
            preemptions: u64::try_from(usage.involuntary_context_switches()).ok()?,
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of_thread() -> Option<Self> {
        None
    }
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
