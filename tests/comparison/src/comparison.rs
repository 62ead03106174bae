//! A run, from the command line to the tables.

use std::io::Write;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::args::{Args, Output};
use crate::bench::Bench;
use crate::h2load::H2load;
use crate::machine::{self, BUSY, Machine};
use crate::programs::Programs;
use crate::progress::Progress;
use crate::report::{self, Docs};
use crate::results::{Measured, Results};

/// Measures what the arguments ask for, and writes it to `out` and to the files that they name.
///
/// # Errors
/// When a program is missing, a call fails, or a file cannot be written.
pub async fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let progress = Progress::new();
    let peer = args.peer.clone().filter(|_| !args.without_dubbo_go);
    if peer.is_none() {
        progress.say("NOT MEASURED: dubbo-go, by --without-dubbo-go; no target that compares with it can be judged");
    }
    let bench = Bench {
        programs: Programs::find(peer, args.before.clone())?,
        h2load: H2load::new()?,
        extent: args.extent(),
        progress,
    };
    let keep = args.results.as_deref().filter(|_| args.keeps());
    let docs = args.docs.as_deref().filter(|_| args.keeps()).map(Docs::new);
    let mut results = match keep {
        Some(path) => Results::read(path)?,
        None => Results::default(),
    };
    let machine = Machine::here();
    progress.say(format_args!(
        "{} The load average is {:.2}.",
        machine.sentence(),
        machine::load_average()
    ));
    let parts = args.parts();
    for part in &parts {
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let busy = machine::busy().await;
        if busy > BUSY {
            progress.say(format_args!(
                "THE MACHINE IS BUSY: others use {:.0} % of it, and figures are off by as much",
                busy * 100.0
            ));
        }
        let start = Instant::now();
        let measured = Measured {
            at,
            seconds: 0.0,
            machine: machine.clone(),
            busy,
            before: args.before_commit.clone(),
            rounds: bench.extent.rounds,
            ..part.measure(&bench).await?
        };
        let seconds = start.elapsed().as_secs_f64();
        results.parts.insert(
            *part,
            Measured {
                seconds,
                ..measured
            },
        );
        // After each part, so that a run that is ended early has not been for nothing.
        if let Some(path) = keep {
            results.write(path)?;
        }
        if let Some(docs) = &docs {
            docs.write(&results)?;
        }
    }
    match args.output {
        Output::Json => serde_json::to_writer_pretty(&mut *out, &results)?,
        Output::Text => write!(out, "{}", report::text(&results))?,
    }
    writeln!(out)?;
    Ok(())
}
