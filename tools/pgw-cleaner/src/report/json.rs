//! The report for scripts: one JSON object on one line. Its members are a promise; new ones may be added.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Outcome, Report, Row};
use crate::select::Verdict;

#[derive(Serialize)]
struct Document<'r> {
    gateway: &'r str,
    dry_run: bool,
    gateway_time: Option<String>,
    seen: usize,
    verdicts: BTreeMap<&'static str, usize>,
    deleted: usize,
    would_delete: usize,
    pushed_again: usize,
    vanished: usize,
    failed: usize,
    kept: usize,
    readings: usize,
    window_seconds: Option<f64>,
    duration_seconds: f64,
    exit_status: u8,
    error: Option<String>,
    groups: Vec<Entry<'r>>,
}

#[derive(Serialize)]
struct Entry<'r> {
    labels: BTreeMap<&'r str, &'r str>,
    age_seconds: f64,
    ttl_seconds: f64,
    last_push_succeeded: Option<bool>,
    outcome: &'static str,
    reason: Option<&'r str>,
}

pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &document(report))?;
    writeln!(out)
}

fn document(report: &Report) -> Document<'_> {
    Document {
        gateway: &report.gateway,
        dry_run: report.dry_run,
        gateway_time: report.gateway_time.map(timestamp),
        seen: report.seen(),
        verdicts: Verdict::ALL
            .into_iter()
            .map(|verdict| {
                (
                    verdict.name(),
                    report.verdicts.get(&verdict).copied().unwrap_or_default(),
                )
            })
            .collect(),
        deleted: report.count("deleted"),
        would_delete: report.count("would_delete"),
        pushed_again: report.count("pushed_again"),
        vanished: report.count("vanished"),
        failed: report.count("failed"),
        kept: report.count("kept"),
        readings: report.readings,
        window_seconds: report.window.as_ref().map(Duration::as_secs_f64),
        duration_seconds: report.duration.as_secs_f64(),
        exit_status: report.exit_status() as u8,
        error: report.error_text(),
        groups: report.rows.iter().map(entry).collect(),
    }
}

fn entry(row: &Row) -> Entry<'_> {
    Entry {
        labels: row.group.key.labels().collect(),
        age_seconds: row.age.as_secs_f64(),
        ttl_seconds: row.ttl.as_secs_f64(),
        last_push_succeeded: row.group.last_push_succeeded,
        outcome: row.outcome.name(),
        reason: match &row.outcome {
            Outcome::Failed(reason) => Some(reason),
            _ => None,
        },
    }
}

/// Shows a time since 1970 in RFC 3339, in UTC.
fn timestamp(since_1970: Duration) -> String {
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_1970).to_string()
}
