//! One pass after the other, until a stop.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::args::Output;
use crate::config::Daemon;
use crate::endpoint::{self, Health};
use crate::exit::ExitStatus;
use crate::metrics::{Failure, Metrics};
use crate::pass::Cleaner;
use crate::report::Report;

/// How long a pass may take without the process counting as stuck; ten thousand deletions take some seconds.
const LONG_PASS: Duration = Duration::from_secs(30 * 60);

/// However short the interval is, the gateway is not asked again and again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// As good as for ever; times that are longer cannot be added up.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Makes the first pass at once and further ones after each pause; a pass that fails is only logged and counted.
///
/// # Errors
/// When the address for metrics cannot be bound.
pub async fn run(
    config: &Daemon,
    mut cleaner: Cleaner,
    metrics: Metrics,
    output: Output,
    out: &mut impl Write,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Daemon {
        interval,
        metrics_addr,
        protection,
    } = config;
    let listener = guarded_http::listen(*metrics_addr)
        .and_then(TcpListener::from_std)
        .with_context(|| {
            format!("cannot listen on {metrics_addr}: choose another --metrics-addr")
        })?;
    tracing::info!(address = %listener.local_addr()?, interval = %humantime::format_duration(*interval), "serving metrics");
    let interval = (*interval).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    let health = Health::new(interval * 3 + LONG_PASS);
    let server = tokio::spawn(endpoint::serve(
        listener,
        metrics.clone(),
        health.clone(),
        protection.clone(),
        stop.clone(),
    ));
    while !stop.is_cancelled() {
        let report = cleaner.pass(&stop).await;
        health.alive();
        if report.exit_status() == ExitStatus::Success {
            health.ready();
        }
        log(&report);
        // A table without rows says nothing that the log does not.
        if output == Output::Json || !report.rows.is_empty() {
            // A full disk passes, and what it cannot take is in the log and the metrics.
            if let Err(error) = report.write(output, out) {
                metrics.failed(Failure::Report);
                tracing::error!(%error, "cannot write the report");
            }
        }
        let (begun, pause) = (Instant::now(), jittered(interval));
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        let took = begun.elapsed();
        if overslept(pause, took) {
            tracing::warn!(
                ?pause,
                ?took,
                "this process was stopped, and pushers may have been: silence counts from the next reading on"
            );
            cleaner.interrupt();
        }
    }
    tracing::info!("stopped");
    server.await.context("the endpoint for metrics failed")
}

fn log(report: &Report) {
    match report.error_text() {
        None => tracing::info!("{}", report.summary()),
        Some(error) => tracing::error!("{error}; {}", report.summary()),
    }
}

/// Says whether a pause took so much longer that the process, and perhaps the whole machine, was stopped.
fn overslept(pause: Duration, took: Duration) -> bool {
    took.saturating_sub(pause) > Duration::from_secs(5)
}

/// Returns the pause, a tenth more or less, so that several cleaners do not come at the same time.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_a_busy_machine_stretches_is_told_from_a_stop() {
        for (pause, took, stopped) in [(60, 64, false), (60, 66, true), (1, 5, false), (1, 7, true)]
        {
            let [pause, took] = [pause, took].map(Duration::from_secs);
            assert_eq!(overslept(pause, took), stopped, "{pause:?} {took:?}");
        }
    }

    #[test]
    fn the_pause_stays_within_a_tenth() {
        let interval = Duration::from_secs(60);
        let pauses: Vec<_> = (0..1000).map(|_| jittered(interval)).collect();
        assert!(
            pauses
                .iter()
                .all(|pause| (54.0..=66.0).contains(&pause.as_secs_f64()))
        );
        assert!(
            pauses.iter().any(|pause| *pause < interval)
                && pauses.iter().any(|pause| *pause > interval)
        );
    }
}
