//! Removes Pushgateway groups that no process pushes to any more.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use pgw_cleaner::{Args, Cleaner, Config, ExitStatus, Metrics, StopRequests, daemon};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    // RUST_LOG as it is in server and client: empty, it is not set, and what cannot be read is left out.
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // It would be written to the same stderr, and a failure of that would end the process.
        .log_internal_errors(false)
        .init();
    guarded_http::raise_descriptors();
    let config = match Config::try_from(about::parse::<Args>()) {
        Ok(config) => config,
        Err(error) => return fail(&error.into(), ExitStatus::Usage),
    };
    match run(&config, &mut io::stdout().lock()) {
        Ok(status) => status.into(),
        Err(error) => fail(&error, ExitStatus::Incomplete),
    }
}

/// Two threads: one for requests, one for the parser of readings, which the runtime adds when it is needed.
#[tokio::main(flavor = "current_thread")]
async fn run(config: &Config, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let Config {
        gateway,
        insecure,
        selection,
        deletion,
        daemon,
        output,
    } = config.clone();
    if insecure {
        tracing::warn!(
            "--insecure: any certificate is accepted; a host in between can read secrets and forge answers"
        );
    }
    let stop = stop_on_signal()?;
    let metrics = Metrics::new();
    let mut cleaner = Cleaner::new(gateway, selection, deletion, metrics.clone());
    if let Some(daemon) = daemon {
        daemon::run(&daemon, cleaner, metrics, output, out, stop).await?;
        return Ok(ExitStatus::Success);
    }
    let report = cleaner.pass(&stop).await;
    report.write(output, out)?;
    if let Some(error) = report.error_text() {
        complain(&error);
    }
    Ok(report.exit_status())
}

/// Returns a token that SIGTERM and SIGINT cancel; a second signal ends the process at once.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut requests = StopRequests::listen().context("cannot listen for signals")?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        requests.next().await;
        token.cancel();
        requests.next().await;
        #[expect(
            clippy::exit,
            reason = "a second signal asks for an end without waiting"
        )]
        std::process::exit(ExitStatus::Incomplete as i32);
    });
    Ok(stop)
}

fn fail(error: &anyhow::Error, status: ExitStatus) -> ExitCode {
    complain(&format!("{error:#}"));
    status.into()
}

fn complain(error: &str) {
    // When stderr itself is closed the line cannot be written anywhere.
    let _ = writeln!(io::stderr(), "pgw-cleaner: {error}");
}
