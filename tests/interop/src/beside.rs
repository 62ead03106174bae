//! The same faults for consumers of dubbo-go and grpc-go beside ours, in one table, and the same overload for providers in another.

mod compared;
mod extent;
mod fault;
mod overload;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

pub use compared::Compared;
pub use extent::Extent;
pub use fault::{Fault, happens};
pub use overload::{Limited, Overload, overloads};

pub use table::Cost;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What three faults cost consumers of ours, dubbo-go and grpc-go
    Consumers,
    /// What providers of ours and dubbo-go answer of four times the calls that they can do
    Providers,
}

/// Makes three faults happen to a consumer of ours, one of dubbo-go and one of grpc-go, in turns, and overloads providers of ours and of dubbo-go.
///
/// Prints a table of each, which are kept in docs/benchmarks.md, unless --quick is given. Exits with 1 when a call of ours fails under a fault. Needs
/// Go.
#[derive(Clone, Debug, Parser)]
#[command(name = "faults.sh beside")]
pub struct Args {
    /// Makes only this comparison [default: both]
    part: Option<Part>,

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

/// Makes the comparisons, writes their tables, and returns whether none of our calls failed under a fault.
///
/// # Errors
/// When a table or the page cannot be written.
///
/// # Panics
/// When a program can't be built or started, or says nothing at its end.
pub async fn beside(args: &Args, out: &mut impl Write) -> anyhow::Result<bool> {
    let extent = if args.quick {
        Extent::quick()
    } else {
        Extent::full()
    };
    let page = args.page.as_deref().filter(|_| !args.quick);
    let mut kept = true;
    if args.part != Some(Part::Providers) {
        kept = consumers(&extent, args.rounds.unwrap_or(extent.rounds), page, out).await?;
    }
    if args.part != Some(Part::Consumers) {
        providers(&extent, page, out).await?;
    }
    Ok(kept)
}

/// Makes every fault happen to every consumer, and returns whether none of our calls failed.
async fn consumers(
    extent: &Extent,
    rounds: u64,
    page: Option<&Path>,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let mut rows: Vec<(Fault, Vec<Cost>)> = Vec::new();
    for fault in Fault::ALL {
        let mut costs = vec![Cost::default(); Compared::ALL.len()];
        for _ in 0..rounds {
            for (consumer, cost) in Compared::ALL.into_iter().zip(&mut costs) {
                cost.add(happens(fault, consumer, extent).await);
                progress(&format!("{fault:?}, {}: {cost}\n", consumer.name()));
            }
        }
        rows.push((fault, costs));
    }
    let lines = table::lines(extent, &rows);
    writeln!(out, "{lines}")?;
    if let Some(page) = page {
        table::keep(page, table::CONSUMERS, &table::section(&lines, rounds))?;
    }
    Ok(rows.iter().all(|(_, costs)| costs[0].failed == 0))
}

/// Overloads every provider.
async fn providers(
    extent: &Extent,
    page: Option<&Path>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for limited in Limited::ALL {
        let row = overloads(limited, extent.warm_up, extent.measured).await;
        progress(&format!("{row:?}\n"));
        rows.push(row);
    }
    let lines = overload::lines(&rows);
    write!(out, "{lines}")?;
    if let Some(page) = page {
        table::keep(page, table::PROVIDERS, &table::providers(&lines))?;
    }
    Ok(())
}

fn progress(text: &str) {
    // Who does not read the progress may still want the table.
    let _ = io::stderr().write_all(text.as_bytes());
}
