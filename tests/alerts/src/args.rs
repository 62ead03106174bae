//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::case::Case;
use crate::observer::Times;
use crate::simulation::SIMULATED;

/// Makes every fault of ./faults.sh happen under the rules, and writes which alert said so, after how long, and which said so without reason.
///
/// Exits with 1 when a fault that costs calls makes no alert fire, or when a planned one pages.
#[derive(Debug, Parser)]
#[command(name = "alerts.sh")]
pub(crate) struct Args {
    /// Which cases [default: all]
    #[arg(value_name = "CASE", value_parser = case)]
    names: Vec<Case>,

    /// How many faults happen at a time, each on servers of its own
    #[arg(long, value_name = "NUMBER", default_value = "4")]
    pub(crate) at_a_time: usize,

    /// How long all is well before the fault
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    calm: Duration,

    /// How long a fault lasts that is not over by itself
    #[arg(long, value_name = "DURATION", default_value = "4m", value_parser = humantime::parse_duration)]
    hold: Duration,

    /// How long alerts are waited for to end
    #[arg(long, value_name = "DURATION", default_value = "8m", value_parser = humantime::parse_duration)]
    afterwards: Duration,

    /// Where what was seen is kept
    #[arg(long, value_name = "FOLDER", default_value = "target/alerts")]
    pub(crate) records: PathBuf,

    /// Leaves out the simulation of scrapes each 30 s and 60 s, which takes promtool some minutes
    #[arg(long)]
    live_only: bool,

    /// Makes no fault happen, and writes the table of what was seen before
    #[arg(long)]
    pub(crate) again: bool,
}

// === impl Args ===

impl Args {
    pub(crate) fn cases(&self) -> Vec<Case> {
        if self.names.is_empty() {
            Case::all()
        } else {
            self.names.clone()
        }
    }

    /// Returns the seconds between scrapes that are simulated.
    pub(crate) fn simulated(&self) -> &'static [u32] {
        if self.live_only { &[] } else { &SIMULATED }
    }

    pub(crate) fn times(&self, case: &Case) -> Times {
        Times {
            calm: self.calm,
            hold: case.hold(self.hold),
            afterwards: (
                Duration::from_secs(75).min(self.afterwards),
                self.afterwards,
            ),
        }
    }
}

fn case(name: &str) -> Result<Case, String> {
    let cases = Case::all();
    let found = cases.iter().find(|case| case.name() == name).copied();
    found.ok_or_else(|| {
        let names: Vec<_> = cases.iter().map(Case::name).collect();
        format!("no such case; there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
        assert!(Args::try_parse_from(["alerts.sh", "no-such-case"]).is_err());
        let args = Args::parse_from(["alerts.sh", "provider-killed"]);
        assert_eq!(args.cases()[0].name(), "provider-killed");
    }
}
