//! What a consumer says at its end.

use std::collections::BTreeMap;

use e2e::Summary;
use serde::Deserialize;

use crate::Language;

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

    /// Reads our client's line for each call, and its summary, which is the last.
    pub(crate) fn from_rust(stdout: &str) -> Option<Self> {
        let Summary {
            calls,
            succeeded,
            kinds: failed,
            ..
        } = Summary::read(stdout)?;
        let mut lines = stdout.lines();
        lines.next_back();
        Some(Self {
            calls,
            succeeded,
            failed,
            greetings: texts(lines.clone().filter_map(|line| line.strip_prefix(GREETING))),
            errors: texts(lines.filter(|line| !line.starts_with(GREETING))),
        })
    }

    /// Reads a peer's line of JSON; nothing while there is none.
    pub fn from_peer(language: Language, stdout: &str) -> Option<Self> {
        let mut report: Self = serde_json::from_str(stdout.lines().next()?).ok()?;
        let business = match language {
            Language::Java => report.random_errors(),
            Language::Rust | Language::Go => report.failed.remove("17"),
        };
        if let Some(business) = business {
            report.failed.insert("business".to_owned(), business);
        }
        Some(report)
    }

    /// Takes out the business errors as Java knows them: as code 2 (UNKNOWN), for which there are other reasons, too, with the
    /// provider's message.
    fn random_errors(&mut self) -> Option<u64> {
        let texts = self.errors.iter();
        let business = texts
            .filter(|(text, _)| text.contains("random error"))
            .map(|(_, count)| count)
            .sum();
        let unknown = self.failed.get_mut("2")?;
        *unknown = unknown.checked_sub(business)?;
        Some(business)
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
        let report = Report::from_peer(
            Language::Go,
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
    fn a_java_report_tells_business_errors_by_the_message() {
        let report = Report::from_peer(
            Language::Java,
            r#"{"calls":10,"succeeded":6,"failed":{"2":3,"none-6":1},"errors":{"UNKNOWN : random error":2,"UNKNOWN : x":1,"y":1}}"#,
        )
        .unwrap();
        assert_eq!((report.business(), report.lost()), (2, 2));
    }

    #[test]
    fn our_lines_are_counted_by_their_text() {
        let output = "Greet response: hello world\nGreet failed: no provider yet\nGreet response: hello world\n\
                      calls 3, succeeded 2, failed 1 (unavailable 1), p50 10.1 ms, p99 12.3 ms\n";
        let report = Report::from_rust(output).unwrap();
        assert_eq!((report.calls, report.business(), report.lost()), (3, 0, 1));
        assert_eq!(
            report.greetings,
            BTreeMap::from([("hello world".to_owned(), 2)])
        );
        assert_eq!(
            report.errors,
            BTreeMap::from([("Greet failed: no provider yet".to_owned(), 1)])
        );
        assert_eq!(Report::from_rust("Greet response: calls"), None);
    }

    #[test]
    fn half_a_line_is_no_report_yet() {
        assert_eq!(
            Report::from_peer(Language::Go, r#"{"calls":10,"succ"#),
            None
        );
    }
}
