//! The table, and its place in `docs/benchmarks.md`.

use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;

use super::{Compared, Extent, Fault};
use crate::Report;

/// The marks around what is kept: of the table of consumers, and of the one of providers.
pub(super) const CONSUMERS: &str = "<!-- ./faults.sh beside consumers writes from here -->";
pub(super) const PROVIDERS: &str = "<!-- ./faults.sh beside providers writes from here -->";
const END: &str = "<!-- to here -->";

const NOTE: &str = "\
All providers are plain grpc-go ones, and each consumer is told both addresses. Ours and dubbo-go's try a call twice more at most, grpc-go's three times in all;
grpc-go has `round_robin`, health checks, and waits for a connection; dubbo-go has `random`.";

/// What one fault cost one consumer, in all its turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls that were made.
    pub calls: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// What else was counted.
    counts: Vec<(&'static str, u64)>,
}

// === impl Cost ===

impl Cost {
    pub(super) fn of<const N: usize>(report: &Report, counts: [(&'static str, u64); N]) -> Self {
        Self {
            calls: report.calls,
            failed: report.lost(),
            counts: counts.to_vec(),
        }
    }

    /// Adds another turn of the same fault and consumer.
    pub(super) fn add(&mut self, turn: Self) {
        self.calls += turn.calls;
        self.failed += turn.failed;
        if self.counts.is_empty() {
            self.counts = turn.counts;
            return;
        }
        for ((_, count), (_, more)) in self.counts.iter_mut().zip(turn.counts) {
            *count += more;
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, calls) = (grouped(self.failed), grouped(self.calls));
        write!(f, "{failed} of {calls}")?;
        for (name, count) in &self.counts {
            write!(f, "; {} {name}", grouped(*count))?;
        }
        Ok(())
    }
}

/// Returns the number with a comma after each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the table in Markdown.
pub(super) fn lines(extent: &Extent, rows: &[(Fault, Vec<Cost>)]) -> String {
    let mut text = String::from("| fault |");
    for consumer in Compared::ALL {
        let _ = write!(text, " {} |", consumer.name());
    }
    text.push_str("\n|---|---|---|---|\n");
    for (fault, costs) in rows {
        let _ = write!(text, "| {} |", fault.text(extent));
        for cost in costs {
            let _ = write!(text, " {cost} |");
        }
        text.push('\n');
    }
    text
}

/// Returns all that stands between the marks.
pub(super) fn section(lines: &str, rounds: u64) -> String {
    let dubbo = version(include_str!("../../peer/go.mod"), "dubbo-go/v3");
    let grpc = version(include_str!("../../grpc/go.mod"), "google.golang.org/grpc");
    format!(
        "Calls that failed of those that were made, in {rounds} turns of each consumer; dubbo-go {dubbo}, grpc-go {grpc}. {NOTE}\n\n\
         {lines}\n{}",
        run("our client")
    )
}

/// Returns the same of the table of providers.
pub(super) fn providers(lines: &str) -> String {
    let dubbo = version(include_str!("../../peer/go.mod"), "dubbo-go/v3");
    format!("dubbo-go {dubbo}.\n\n{lines}\n{}", run("our providers"))
}

/// Tells when and where it was run.
fn run(ours: &str) -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("Run on {cores} cores, {now}, {ours} built for development.\n")
}

/// Returns the version that a `go.mod` requires of a module whose path ends so.
fn version<'m>(module: &'m str, path: &str) -> &'m str {
    let lines = module.lines().map(str::trim);
    let mut words = lines.filter_map(|line| line.split_once(' '));
    words
        .find(|(name, _)| name.ends_with(path))
        .map_or("", |(_, rest)| rest.split(' ').next().unwrap_or(rest))
        .trim_start_matches('v')
}

/// Puts the section into the page, between its marks.
pub(super) fn keep(page: &Path, begin: &str, section: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let text = between_marks(&text, begin, section)
        .with_context(|| format!("{} has no {begin:?} before {END:?}", page.display()))?;
    fs::write(page, text).with_context(|| page.display().to_string())
}

fn between_marks(page: &str, begin: &str, section: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n\n{section}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(calls: u64, failed: u64, attempts: u64) -> Cost {
        Cost {
            calls,
            failed,
            counts: vec![("attempts on the bad one", attempts)],
        }
    }

    #[test]
    fn turns_are_added_and_written_with_their_counts() {
        let mut all = Cost::default();
        all.add(cost(8000, 0, 10));
        all.add(cost(8000, 1045, 6953));
        assert_eq!(
            all.to_string(),
            "1,045 of 16,000; 6,963 attempts on the bad one"
        );
        let rows = vec![(Fault::BlackHole, vec![all.clone(), all.clone(), all])];
        let table = lines(&Extent::full(), &rows);
        let row = table.lines().nth(2).unwrap();
        assert_eq!(row.matches(" | 1,045 of 16,000").count(), 3, "{table}");
    }

    #[test]
    fn the_page_has_its_marks_and_only_what_is_between_them_is_replaced() {
        let page = include_str!("../../../../docs/benchmarks.md");
        for begin in [CONSUMERS, PROVIDERS] {
            let written = between_marks(page, begin, "new\n").expect("the page has both marks");
            let new = format!("{begin}\n\nnew\n\n{END}");
            assert!(written.contains(&new), "{written}");
            assert_eq!(
                between_marks(&written, begin, "new\n"),
                Some(written.clone())
            );
            let (before, after) = written.split_once(&new).unwrap();
            assert!(page.starts_with(before) && page.ends_with(after));
        }
        assert_eq!(between_marks("# Title\n", CONSUMERS, "new"), None);
    }

    #[test]
    fn the_versions_are_those_of_the_peers_modules() {
        let module = "require (\n\tdubbo.apache.org/dubbo-go/v3 v3.3.2\n\tb v1 // indirect\n)\n";
        assert_eq!(version(module, "dubbo-go/v3"), "3.3.2");
        let section = section("", 3);
        assert!(!section.contains("dubbo-go ,") && !section.contains("grpc-go ."));
    }
}
