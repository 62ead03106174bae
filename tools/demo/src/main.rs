//! The whole sample in one process: provider, consumer and a registry in memory, over real TCP, measured on both sides.
//!
//! `cargo run -p demo` shows a live view; without a terminal it writes plain lines.

mod args;
mod figures;
mod load;
mod sample;
mod terminal;
mod view;
mod watch;

use std::{io, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use triple::{Runtime, Signals};

use args::Args;
use sample::Sample;

fn main() -> ExitCode {
    app::exit_code(&run(&about::parse::<Args>()))
}

fn run(args: &Args) -> anyhow::Result<()> {
    // Before the ports bound their connections by it.
    app::raise_descriptors();
    let live = watch::is_live();
    if !live {
        // On the screen of the live view a log line would tear the picture.
        app::start_logs();
    }
    let runtime = Runtime::new(args.runtime).context("cannot start threads")?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::install().context("cannot listen to signals")?;
        let sample = Sample::start(args, &runtime).await?;
        let stop = CancellationToken::new();
        let calls = sample.make_calls(args.rate, runtime.workers(), &stop);
        let view = async {
            let end = async {
                tokio::select! {
                    _ = signals.next() => {}
                    () = ended(args.duration) => {}
                }
            };
            let shown = watch::watch(&sample, live, end, &mut io::stdout()).await;
            stop.cancel();
            shown
        };
        let ((), shown) = tokio::join!(calls, view);
        sample.stop().await;
        shown
    });
    runtime.shutdown();
    outcome
}

async fn ended(after: Option<Duration>) {
    match after {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
