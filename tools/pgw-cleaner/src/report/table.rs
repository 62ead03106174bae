//! The report for people: a table of the groups that were to go, and a summary.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};

use super::{Outcome, Report, Row};
use crate::select::Verdict;
use crate::time;

pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if !report.rows.is_empty() {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(["AGE", "TTL", "OUTCOME", "GROUP"])
            .add_rows(report.rows.iter().map(cells));
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(report))
}

fn cells(row: &Row) -> [String; 4] {
    let outcome = match &row.outcome {
        Outcome::Failed(reason) => format!("failed: {}", reason.replace(char::is_control, " ")),
        outcome => outcome.words().to_owned(),
    };
    // Labels come from every process that may push: quoted, so that none can act on the terminal.
    [
        time::short(row.age),
        time::short(row.ttl),
        outcome,
        row.group.key.to_string(),
    ]
}

/// Returns the summary in one line.
pub(super) fn summary(report: &Report) -> String {
    if report.gateway_time.is_none() {
        return format!(
            "{} could not be read; {}",
            report.gateway,
            time::short(report.duration)
        );
    }
    let verdicts = Verdict::ALL.into_iter().filter_map(|verdict| {
        let count = report.verdicts.get(&verdict).copied().unwrap_or_default();
        (count > 0).then(|| format!("{count} {}", verdict.name().replace('_', " ")))
    });
    let mut parts = vec![format!("{} groups at {}", report.seen(), report.gateway)];
    parts.extend(verdicts);
    let mut summary = parts.join(", ");
    for outcome in [
        "would_delete",
        "deleted",
        "pushed_again",
        "vanished",
        "failed",
        "kept",
    ] {
        let count = report.count(outcome);
        if count > 0 {
            summary.push_str(&format!("; {} {count}", outcome.replace('_', " ")));
        }
    }
    summary.push_str(&format!("; {}", time::short(report.duration)));
    if let Some(window) = report.window {
        summary.push_str(&format!(" (window {} ms)", window.as_millis()));
    }
    summary
}
