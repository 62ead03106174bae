//! What a process tells its operator: one line for each event, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging: from `info` upwards unless `RUST_LOG` says otherwise, with colours only on a terminal.
///
/// Call it once, at the start of the process. A log line that cannot be written, because stderr is closed,
/// is dropped.
pub fn start() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !no_color())
        .log_internal_errors(false)
        .init();
}

/// Says whether `NO_COLOR` is set; empty, it is not.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
