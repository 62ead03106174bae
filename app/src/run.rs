//! From start to stop: what surrounds a process's own work, and how signals end it.

use std::{sync::OnceLock, time::Duration};

use anyhow::Context as _;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use triple::{Runtime, Signals};

use crate::{
    config::ProcessConfig,
    logs,
    process::{Discovery, Process},
};

/// How long a process takes from the first signal to its end at most, with the usual `--stop-wait`: less than the 30 s after which
/// Kubernetes kills it.
const LEAVE_LIMIT: Duration = Duration::from_secs(28);

/// What remains for the last push and the registry where a process's own work has taken longer: `--stop-wait` may be any time.
const LEAST_LEAVE: Duration = Duration::from_secs(5);

/// Returns how long what all processes share may take to end, for a process that was asked to stop at this moment.
fn time_left(asked: Option<Instant>) -> Duration {
    let gone = asked.map_or(Duration::ZERO, |asked| asked.elapsed());
    LEAVE_LIMIT.saturating_sub(gone).max(LEAST_LEAVE)
}

/// Runs a process: starts what all processes share, lets `work` do its own part, and leaves in order.
///
/// `work` ends when [`Process::stopped`] does, or earlier when it is done. At the first SIGTERM or SIGINT the process is no
/// longer ready and `stopped` completes; when `work` has ended, the last figures are pushed, the group is deleted, and the
/// session with the registry is closed. A second signal ends the process at once.
///
/// # Errors
///
/// When something cannot be started, or `work` fails.
pub fn run<W>(config: ProcessConfig, discovery: Discovery, work: W) -> anyhow::Result<()>
where
    W: AsyncFnOnce(&Process) -> anyhow::Result<()>,
{
    logs::start();
    guarded_http::raise_descriptors();
    let runtime = Runtime::new(config.runtime).context("cannot start threads")?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::install().context("cannot listen to signals")?;
        let process = Process::start(config, discovery, &runtime)?;
        let (readiness, stop) = (process.readiness().clone(), process.stop().clone());
        let asked = OnceLock::new();
        let life = async {
            let outcome = work(&process).await;
            let limit = time_left(asked.get().copied());
            if timeout(limit, process.leave()).await.is_err() {
                warn!("not everything was finished within {LEAVE_LIMIT:?} of the signal: left as it is");
            }
            outcome
        };
        let signalled = async {
            let signal = signals.next().await;
            info!("{signal}: stopping; a second signal ends the process at once");
            // Written once, here.
            let _ = asked.set(Instant::now());
            readiness.unset("stopping");
            stop.cancel();
            signals.next().await
        };
        tokio::select! {
            outcome = life => outcome,
            signal = signalled => {
                warn!("{signal} again: ended at once, with whatever was unfinished");
                Ok(())
            }
        }
    });
    runtime.shutdown();
    outcome
}
