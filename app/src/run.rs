//! From start to stop: what surrounds a process's own work, and how signals end it.

use anyhow::Context as _;
use tracing::{info, warn};
use triple::{Runtime, Signals};

use crate::{
    config::ProcessConfig,
    logs,
    process::{Discovery, Process},
};

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
        let life = async {
            let outcome = work(&process).await;
            process.leave().await;
            outcome
        };
        let signalled = async {
            let signal = signals.next().await;
            info!("{signal}: stopping; a second signal ends the process at once");
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
