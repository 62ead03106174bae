//! What a consumer says about itself at its end.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// A consumer's calls: one line of JSON from the dubbo-go peer and from plain tonic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The calls that were counted.
    pub calls: u64,
    /// Those that were answered.
    pub succeeded: u64,
    /// The time in which they were made.
    pub seconds: f64,
    /// The response time that half of them did not exceed, in milliseconds.
    pub p50_ms: f64,
    /// The response time that 99 of 100 did not exceed, in milliseconds.
    pub p99_ms: f64,
}

impl Tally {
    /// Reads the line.
    ///
    /// # Errors
    /// When it is none, or some of the calls failed.
    pub(crate) fn read(stdout: &str) -> anyhow::Result<Self> {
        let line = stdout.lines().next().context("the consumer said nothing")?;
        let tally: Self =
            serde_json::from_str(line).with_context(|| format!("not a tally: {line:?}"))?;
        anyhow::ensure!(
            tally.calls > 0 && tally.calls == tally.succeeded,
            "calls failed: {line}"
        );
        Ok(tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_tally_is_read_with_further_fields() {
        let tally = Tally::read(
            r#"{"calls":10,"succeeded":10,"failed":{},"greetings":{"x":10},"errors":{},"longest_ms":3,"seconds":1.5,"p50_ms":0.9,"p99_ms":2.5}"#,
        );
        let expected = Tally {
            calls: 10,
            succeeded: 10,
            seconds: 1.5,
            p50_ms: 0.9,
            p99_ms: 2.5,
        };
        assert_eq!(tally.unwrap(), expected);
    }

    #[test]
    fn failed_calls_are_no_measurement() {
        let line = r#"{"calls":10,"succeeded":9,"seconds":1.5,"p50_ms":0.9,"p99_ms":2.5}"#;
        assert!(
            Tally::read(line)
                .unwrap_err()
                .to_string()
                .contains("calls failed")
        );
    }
}
