//! The last line of a client.

use std::collections::BTreeMap;

/// What a client says of its calls at its end: `calls 10, succeeded 8, failed 2 (business 2), p50 10.1 ms, p99 12.3 ms`.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// All calls that ended.
    pub calls: u64,
    /// Those that were answered.
    pub succeeded: u64,
    /// Those that were not.
    pub failed: u64,
    /// These by their kind, such as `business`.
    pub kinds: BTreeMap<String, u64>,
    /// The response time that half of the calls did not exceed, in milliseconds; none without calls.
    pub p50_ms: Option<f64>,
    /// The response time that 99 of 100 did not exceed, in milliseconds; none without calls.
    pub p99_ms: Option<f64>,
    /// The line itself, for messages.
    pub line: String,
}

impl Summary {
    /// Reads the line that follows those of the calls; none when the output has not come to it.
    #[must_use]
    pub fn read(stdout: &str) -> Option<Self> {
        let line = stdout
            .lines()
            .next_back()
            .filter(|line| line.starts_with("calls "))?;
        let (counts, kinds) = match line.split_once(" (") {
            Some((counts, rest)) => (counts, rest.split(')').next()?),
            None => (line, ""),
        };
        let word = |text: &str, name: &str| -> Option<String> {
            let mut parts = text.split(", ");
            let part = parts.find_map(|part| part.strip_prefix(name))?;
            Some(part.split(' ').next()?.to_owned())
        };
        let count = |name: &str| word(counts, name)?.parse().ok();
        let kinds = kinds
            .split(", ")
            .filter_map(|kind| kind.split_once(' '))
            .map(|(kind, count)| Some((kind.to_owned(), count.parse().ok()?)))
            .collect::<Option<_>>()?;
        Some(Self {
            calls: count("calls ")?,
            succeeded: count("succeeded ")?,
            failed: count("failed ")?,
            kinds,
            p50_ms: word(line, "p50 ")?.parse().ok(),
            p99_ms: word(line, "p99 ")?.parse().ok(),
            line: line.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_whole() {
        let line = "calls 1200, succeeded 1150, failed 50 (business 49, timeout 1), p50 0.21 ms, p99 12.50 ms";
        let summary = Summary::read(&format!("Greet response: hello world\n{line}\n")).unwrap();
        assert_eq!(
            (summary.calls, summary.succeeded, summary.failed),
            (1200, 1150, 50)
        );
        assert_eq!(
            (summary.kinds["business"], summary.kinds["timeout"]),
            (49, 1)
        );
        assert_eq!((summary.p50_ms, summary.p99_ms), (Some(0.21), Some(12.5)));
        assert_eq!(summary.line, line);
    }

    #[test]
    fn no_call_has_no_kind_and_no_quantile() {
        let summary = Summary::read("calls 0, succeeded 0, failed 0, p50 -, p99 -").unwrap();
        assert_eq!((summary.calls, summary.kinds.len()), (0, 0));
        assert_eq!((summary.p50_ms, summary.p99_ms), (None, None));
    }

    #[test]
    fn the_line_of_a_call_is_no_summary() {
        assert_eq!(Summary::read("Greet response: calls 1\n"), None);
        assert_eq!(Summary::read(""), None);
    }
}
