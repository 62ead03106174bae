//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::extent::Extent;
use crate::part::Part;

/// Measures our programs beside dubbo-go and plain tonic, in turns, on this machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench.sh", max_term_width = 100)]
pub struct Args {
    /// What is measured; everything if none is named.
    #[arg(value_enum)]
    parts: Vec<Part>,

    /// How many turns each one gets [default: 5, with --quick 2]
    #[arg(long, value_name = "ROUNDS")]
    rounds: Option<NonZeroUsize>,

    /// Measure for a few minutes only, and keep nothing.
    #[arg(long)]
    quick: bool,

    /// Measure for some seconds only, to see that everything works.
    #[arg(long, hide = true)]
    smoke: bool,

    /// How the figures are written to stdout; progress goes to stderr.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) output: Output,

    /// Measure without dubbo-go: no Go toolchain is needed, and nothing can be compared with it.
    #[arg(long)]
    pub(crate) without_dubbo_go: bool,

    /// The program of tests/interop/peer.
    #[arg(
        long,
        value_name = "FILE",
        hide = true,
        required_unless_present = "without_dubbo_go"
    )]
    pub(crate) peer: Option<PathBuf>,

    /// Where the server and the client of a kept build are, which stand for ours per-core.
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) before: Option<PathBuf>,

    /// The commit of that build.
    #[arg(long, value_name = "COMMIT", hide = true, requires = "before")]
    pub(crate) before_commit: Option<String>,

    /// Where figures are kept between runs of single parts.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) results: Option<PathBuf>,

    /// The folder of benchmarks.md, which gets the figures, and of the plot.
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) docs: Option<PathBuf>,
}

/// How figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables.
    Text,
    /// One document with every sample.
    Json,
}

impl Args {
    /// Returns the parts to measure, each once and in their order.
    pub(crate) fn parts(&self) -> Vec<Part> {
        Part::ALL
            .into_iter()
            .filter(|part| self.parts.is_empty() || self.parts.contains(part))
            .collect()
    }

    /// Returns how much is measured.
    pub(crate) fn extent(&self) -> Extent {
        let mut extent = match (self.smoke, self.quick) {
            (true, _) => Extent::smoke(),
            (false, true) => Extent::quick(),
            (false, false) => Extent::full(),
        };
        if let Some(rounds) = self.rounds {
            extent.rounds = rounds.get();
        }
        extent
    }

    /// Returns whether the figures are worth keeping.
    pub(crate) fn keeps(&self) -> bool {
        !self.quick
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parsed(arguments: &[&str]) -> Args {
        let program = ["bench.sh", "--without-dubbo-go"];
        Args::parse_from(program.iter().chain(arguments))
    }

    #[test]
    fn the_command_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn all_parts_are_measured_unless_some_are_named() {
        assert_eq!(parsed(&[]).parts(), Part::ALL);
        let named = parsed(&["growth", "provider", "growth"]);
        assert_eq!(named.parts(), [Part::Provider, Part::Growth]);
    }

    #[test]
    fn rounds_can_be_set_whatever_the_extent() {
        assert_eq!(parsed(&[]).extent().rounds, 5);
        assert_eq!(parsed(&["--quick", "--rounds", "9"]).extent().rounds, 9);
        assert!(!parsed(&["--quick"]).keeps());
    }

    #[test]
    fn dubbo_go_is_left_out_only_on_request() {
        let err = Args::try_parse_from(["bench.sh"]).unwrap_err();
        assert!(err.to_string().contains("--peer"), "{err}");
    }
}
