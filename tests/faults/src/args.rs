//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use faults::{FAULTS, Fault, Length};

/// Makes faults happen to servers and clients, each on real servers of its own, and prints a table of what they cost.
///
/// Exits with 1 when a promise is broken. What is promised, and which test holds it, is in docs/reliability.md.
#[derive(Debug, Parser)]
#[command(
    name = "faults.sh",
    after_help = "`faults.sh beside` makes three faults happen to consumers of dubbo-go and grpc-go beside ours, and overloads providers: `faults.sh beside --help`."
)]
pub(crate) struct Args {
    /// Which faults [default: all]
    #[arg(value_name = "FAULT", value_parser = fault)]
    names: Vec<&'static Fault>,

    /// Lists the faults, and what is promised in each
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,

    /// Makes each fault only as long as it must be, as the tests do
    #[arg(long)]
    short: bool,

    /// Breaks nothing, and looks for so long at what grows
    #[arg(long, value_name = "DURATION", value_parser = soak, conflicts_with_all = ["names", "short"])]
    pub(crate) soak: Option<Duration>,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,
}

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Args {
    pub(crate) fn faults(&self) -> Vec<&'static Fault> {
        if self.names.is_empty() {
            FAULTS.iter().collect()
        } else {
            self.names.clone()
        }
    }

    pub(crate) fn length(&self) -> Length {
        if self.short {
            Length::Short
        } else {
            Length::Full
        }
    }
}

fn fault(name: &str) -> Result<&'static Fault, String> {
    Fault::named(name).ok_or_else(|| "no such fault; --list shows all".to_owned())
}

/// The shortest soak: a shorter one measures nothing.
const SHORTEST: Duration = Duration::from_secs(15);

fn soak(text: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if length < SHORTEST {
        return Err(format!("must be at least {SHORTEST:?}"));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_name_all_faults_are_meant() {
        let args = Args::parse_from(["faults.sh"]);
        assert_eq!(args.faults().len(), FAULTS.len());
        let args = Args::parse_from(["faults.sh", "garbage"]);
        assert_eq!(args.faults()[0].name, "garbage");
    }

    #[test]
    fn what_is_no_fault_or_no_duration_is_refused() {
        for wrong in [["faults.sh", "no-such-fault"], ["faults.sh", "--soak=1s"]] {
            assert!(Args::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
