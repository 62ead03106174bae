//! What consumers say about themselves at their end.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// A consumer's report on its calls: one line of JSON from the dubbo-go peer and from plain tonic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
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

impl Report {
    /// Reads the line.
    ///
    /// # Errors
    /// When it is none, or some of the calls failed.
    pub(crate) fn read(stdout: &str) -> anyhow::Result<Self> {
        let line = stdout.lines().next().context("the consumer said nothing")?;
        let report: Self =
            serde_json::from_str(line).with_context(|| format!("not a report: {line:?}"))?;
        anyhow::ensure!(
            report.calls > 0 && report.calls == report.succeeded,
            "calls failed: {line}"
        );
        Ok(report)
    }
}

/// Reads p50 and p99, in milliseconds, from our client's last line: `calls 10, succeeded 10, failed 0, p50 0.21 ms, p99 0.50 ms`.
///
/// # Errors
/// When there is no such line, or some of the calls failed.
pub(crate) fn client_quantiles(stdout: &str) -> anyhow::Result<(f64, f64)> {
    let line = stdout
        .lines()
        .rev()
        .find(|line| line.starts_with("calls "))
        .context("the client has no summary")?;
    anyhow::ensure!(line.contains(", failed 0,"), "calls failed: {line}");
    let quantile = |name: &str| -> Option<f64> {
        let (_, rest) = line.split_once(name)?;
        rest.split_whitespace().next()?.parse().ok()
    };
    quantile(", p50 ")
        .zip(quantile(", p99 "))
        .with_context(|| format!("no quantiles in {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_report_is_read_with_fields_that_nobody_asked_for() {
        let report = Report::read(
            r#"{"calls":10,"succeeded":10,"failed":{},"greetings":{"x":10},"errors":{},"longest_ms":3,"seconds":1.5,"p50_ms":0.9,"p99_ms":2.5}"#,
        );
        let expected = Report {
            calls: 10,
            succeeded: 10,
            seconds: 1.5,
            p50_ms: 0.9,
            p99_ms: 2.5,
        };
        assert_eq!(report.unwrap(), expected);
    }

    #[test]
    fn failed_calls_are_no_measurement() {
        let line = r#"{"calls":10,"succeeded":9,"seconds":1.5,"p50_ms":0.9,"p99_ms":2.5}"#;
        assert!(
            Report::read(line)
                .unwrap_err()
                .to_string()
                .contains("calls failed")
        );
        let line = "calls 10, succeeded 9, failed 1 (timeout 1), p50 1.00 ms, p99 2.00 ms";
        assert!(
            client_quantiles(line)
                .unwrap_err()
                .to_string()
                .contains("calls failed")
        );
    }

    #[test]
    fn the_clients_quantiles_are_read() {
        let output = "calls 1200, succeeded 1200, failed 0, p50 0.21 ms, p99 12.50 ms\n";
        assert_eq!(client_quantiles(output).unwrap(), (0.21, 12.5));
        assert!(client_quantiles("").is_err());
        assert!(client_quantiles("calls 0, succeeded 0, failed 0, p50 -, p99 -").is_err());
    }
}
