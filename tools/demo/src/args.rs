//! The demo's command line.

use std::{net::SocketAddr, time::Duration};

use app::{MeasureArgs, Shape, value};
use clap::Parser;

/// Shows the whole sample in one process: a provider and a consumer over real TCP, found through a registry in memory,
/// measured on both sides. Nothing has to be installed or started first.
#[derive(Clone, Debug, Parser)]
#[command(version = about::VERSION, max_term_width = 100)]
pub(crate) struct Args {
    /// Calls per second.
    #[arg(long, env, value_name = "CALLS", default_value = "200", value_parser = rate)]
    pub(crate) rate: f64,

    /// Ends by itself after this time [default: runs until q or Ctrl-C]
    #[arg(long = "for", env = "FOR", value_name = "DURATION", value_parser = value::positive_duration)]
    pub(crate) duration: Option<Duration>,

    /// How long the provider takes for a greeting.
    #[arg(long, env, value_name = "DURATION", default_value = "10ms", value_parser = value::duration)]
    pub(crate) delay: Duration,

    /// The share of calls that the provider answers with a business error.
    #[arg(long, env, value_name = "0…1", default_value = "0.01", value_parser = value::share)]
    pub(crate) error_rate: f64,

    /// The provider's address.
    #[arg(long, env, value_name = "IP:PORT", default_value = "127.0.0.1:20000")]
    pub(crate) provider_addr: SocketAddr,

    /// Where the provider's figures are served: a page to watch, and the text.
    #[arg(long, env, value_name = "IP:PORT", default_value = "127.0.0.1:9099")]
    pub(crate) provider_metrics_addr: SocketAddr,

    /// Where the consumer's figures are served: a page to watch, and the text.
    #[arg(long, env, value_name = "IP:PORT", default_value = "127.0.0.1:9097")]
    pub(crate) consumer_metrics_addr: SocketAddr,

    /// The threads that serve calls: adaptive, work-stealing or per-core.
    #[arg(long, env, value_name = "SHAPE", default_value = "adaptive", value_parser = value::shape())]
    pub(crate) runtime: Shape,

    /// What is measured, and how much of it is exported.
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// The demo shares its process with what it measures; beyond this rate it would show its own limits.
const HIGHEST_RATE: f64 = 100_000.0;

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= HIGHEST_RATE => Ok(rate),
        _ => Err(format!("must be above 0 and at most {HIGHEST_RATE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_positive_number_within_reason() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "NaN", "inf", "1e9", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
