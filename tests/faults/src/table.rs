//! What is printed at the end.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use faults::{FAULTS, Fault, Report};
use serde_json::json;

/// Writes one row for each fault, and how many promises were broken.
pub(crate) fn write(rows: &[(&Fault, Report)], out: &mut impl Write) -> io::Result<()> {
    let header = [
        "fault",
        "what happened",
        "calls",
        "calls failed",
        "observations lost",
        "recovered in",
        "promise",
    ];
    let cells = rows.iter().map(|(fault, report)| {
        [
            fault.name.to_owned(),
            report.happened.clone(),
            report.calls.to_string(),
            report.failed.to_string(),
            report.lost.to_string(),
            format!("{:.2} s", report.recovered.as_secs_f64()),
            if report.is_kept() { "kept" } else { "BROKEN" }.to_owned(),
        ]
    });
    lines(table(&header, cells), out)?;
    for (fault, report) in rows {
        for promise in &report.broken {
            writeln!(out, "{}: broken: {promise}", fault.name)?;
        }
    }
    let broken = rows.iter().filter(|(_, report)| !report.is_kept()).count();
    writeln!(out, "{} faults, {broken} with a broken promise", rows.len())
}

/// Writes the same as a JSON array.
pub(crate) fn write_json(rows: &[(&Fault, Report)], out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|(fault, report)| json!({"fault": fault.name, "promise": fault.promise, "report": report}))
        .collect();
    serde_json::to_writer_pretty(&mut *out, &rows)?;
    writeln!(out)
}

/// Writes which faults there are.
pub(crate) fn list(out: &mut impl Write) -> io::Result<()> {
    let rows = FAULTS
        .iter()
        .map(|fault| [fault.name.to_owned(), fault.promise.to_owned()]);
    lines(
        table(
            &["fault", "promise, beside that no observation is lost"],
            rows,
        ),
        out,
    )
}

fn table<const N: usize>(header: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header)
        .add_rows(rows);
    table
}

fn lines(table: Table, out: &mut impl Write) -> io::Result<()> {
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_told_in_the_row_and_below() {
        let rows = [(&FAULTS[0], Report::panicked("the sky fell"))];
        let mut out = Vec::new();
        write(&rows, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("BROKEN"), "{text}");
        assert!(
            text.contains("zookeeper-killed: broken: the sky fell"),
            "{text}"
        );
        assert!(
            text.ends_with("1 faults, 1 with a broken promise\n"),
            "{text}"
        );
        let mut out = Vec::new();
        write_json(&rows, &mut out).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json[0]["report"]["broken"][0], "the sky fell");
    }

    #[test]
    fn every_fault_is_listed() {
        let mut out = Vec::new();
        list(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), FAULTS.len() + 1, "{text}");
    }
}
