//! What a consumer says at its end.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The calls that a consumer made, each with all its attempts, and what came of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Report {
    /// All calls.
    pub calls: u64,
    /// Those with a greeting.
    pub succeeded: u64,
    /// The others, by kind: `business` (code 17), or any other name or code.
    pub failed: BTreeMap<String, u64>,
    /// How often each greeting came.
    #[serde(default)]
    pub greetings: BTreeMap<String, u64>,
    /// How often each error came.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
}

impl Report {
    /// Returns how many calls failed with a business error.
    pub fn business(&self) -> u64 {
        self.failed.get("business").copied().unwrap_or_default()
    }

    /// Returns how many calls failed otherwise: none should.
    pub fn lost(&self) -> u64 {
        self.calls - self.succeeded - self.business()
    }

    /// Reads our client's line for each call, and its last one: `calls 10, succeeded 8, failed 2 (business 1, timeout 1), p50 …`.
    pub(crate) fn from_rust(stdout: &str) -> Option<Self> {
        let mut lines = stdout.lines();
        let counts = lines.next_back()?.strip_prefix("calls ")?;
        let (calls, counts) = counts.split_once(", succeeded ")?;
        let (succeeded, counts) = counts.split_once(", failed ")?;
        let (counts, _) = counts.split_once(", p50 ")?;
        let kinds = counts
            .split_once(" (")
            .map_or("", |(_, kinds)| kinds.trim_end_matches(')'));
        let failed = kinds
            .split(", ")
            .filter_map(|kind| kind.split_once(' '))
            .map(|(kind, count)| Some((kind.to_owned(), count.parse().ok()?)))
            .collect::<Option<_>>()?;
        Some(Self {
            calls: calls.parse().ok()?,
            succeeded: succeeded.parse().ok()?,
            failed,
            greetings: texts(lines.clone().filter_map(|line| line.strip_prefix(GREETING))),
            errors: texts(lines.filter(|line| !line.starts_with(GREETING))),
        })
    }

    /// Reads the peer's line of JSON.
    pub(crate) fn from_go(stdout: &str) -> Option<Self> {
        let mut report: Self = serde_json::from_str(stdout.lines().next()?).ok()?;
        if let Some(business) = report.failed.remove("17") {
            report.failed.insert("business".to_owned(), business);
        }
        Some(report)
    }
}

/// What our client writes before a greeting; any other line of a call is an error.
const GREETING: &str = "Greet response: ";

fn texts<'l>(lines: impl Iterator<Item = &'l str>) -> BTreeMap<String, u64> {
    let mut texts = BTreeMap::new();
    for line in lines {
        *texts.entry(line.to_owned()).or_default() += 1;
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_go_report_counts_code_17_as_business() {
        let report = Report::from_go(
            r#"{"calls":10,"succeeded":6,"failed":{"17":3,"none":1},"greetings":{"hello world":6},"errors":{"x":4},"longest_ms":15}"#,
        )
        .unwrap();
        assert_eq!(report.business(), 3);
        assert_eq!(report.lost(), 1);
        assert_eq!(
            report.greetings,
            BTreeMap::from([("hello world".to_owned(), 6)])
        );
    }

    #[test]
    fn our_summary_is_read_whole() {
        let report =
            |line: &str| Report::from_rust(&format!("Greet response: hello world\n{line}\n"));
        let all = report(
            "calls 10, succeeded 7, failed 3 (business 2, timeout 1), p50 10.1 ms, p99 12.3 ms",
        );
        let all = all.unwrap();
        assert_eq!(
            (all.calls, all.succeeded, all.business(), all.lost()),
            (10, 7, 2, 1)
        );
        assert_eq!(all.failed["timeout"], 1);
        assert_eq!(
            all.greetings,
            BTreeMap::from([("hello world".to_owned(), 1)])
        );
        let none = report("calls 10, succeeded 10, failed 0, p50 10.1 ms, p99 12.3 ms").unwrap();
        assert!(none.failed.is_empty());
        assert_eq!(report("Greet response: calls"), None);
    }

    #[test]
    fn half_a_line_is_no_report_yet() {
        assert_eq!(Report::from_go(r#"{"calls":10,"succ"#), None);
    }
}
