//! The same faults for consumers of dubbo-go and grpc-go beside ours, in one table.

mod compared;
mod extent;
mod fault;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Parser;

pub use compared::Compared;
pub use extent::Extent;
pub use fault::{Fault, happens};

pub use table::Cost;

/// Makes three faults happen to a consumer of ours, one of dubbo-go and one of grpc-go, in turns, and prints a table of the calls that failed.
///
/// The table is kept in docs/benchmarks.md, unless --quick is given. Exits with 1 when a call of ours fails. Needs Go.
#[derive(Clone, Debug, Parser)]
#[command(name = "faults.sh beside")]
pub struct Args {
    /// How many turns each consumer gets with each fault [default: 3, with --quick 1]
    #[arg(long, value_name = "ROUNDS", value_parser = clap::value_parser!(u64).range(1..))]
    rounds: Option<u64>,

    /// Makes fewer calls in one turn, and keeps nothing
    #[arg(long)]
    quick: bool,

    /// The page that gets the table
    #[arg(long, value_name = "FILE", hide = true)]
    page: Option<PathBuf>,
}

/// Makes every fault happen to every consumer, writes the table, and returns whether none of our calls failed.
///
/// # Errors
/// When the table or the page cannot be written.
///
/// # Panics
/// When a program can't be built or started, or says nothing at its end.
pub async fn beside(args: &Args, out: &mut impl Write) -> anyhow::Result<bool> {
    let extent = if args.quick {
        Extent::quick()
    } else {
        Extent::full()
    };
    let rounds = args.rounds.unwrap_or(extent.rounds);
    let mut rows: Vec<(Fault, Vec<Cost>)> = Vec::new();
    for fault in Fault::ALL {
        let mut costs = vec![Cost::default(); Compared::ALL.len()];
        for _ in 0..rounds {
            for (consumer, cost) in Compared::ALL.into_iter().zip(&mut costs) {
                cost.add(happens(fault, consumer, &extent).await);
                progress(&format!("{fault:?}, {}: {cost}\n", consumer.name()));
            }
        }
        rows.push((fault, costs));
    }
    let lines = table::lines(&extent, &rows);
    write!(out, "{lines}")?;
    if let (Some(page), false) = (&args.page, args.quick) {
        table::keep(page, &table::section(&lines, rounds))?;
    }
    Ok(rows.iter().all(|(_, costs)| costs[0].failed == 0))
}

fn progress(text: &str) {
    // Who does not read the progress may still want the table.
    let _ = io::stderr().write_all(text.as_bytes());
}
