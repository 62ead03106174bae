//! The table of what was seen, as it stands in `docs/alerts.md`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use crate::case::{Case, Kind};
use crate::observer::LIVE;
use crate::record::{Firing, Record};
use crate::simulation;

const DOCUMENT: &str = "docs/alerts.md";
const BEGIN: &str = "<!-- measured by tests/alerts.sh -->\n";
const END: &str = "<!-- end -->\n";

/// What is known of one alert in a case: its times in seconds from the fault's begin.
#[derive(Debug, Default)]
struct Row {
    live: BTreeMap<u32, (f64, f64)>,
    simulated: BTreeMap<u32, (f64, f64)>,
}

/// One case, ready to be written.
#[derive(Debug)]
struct Seen {
    case: Case,
    record: Record,
    /// By alert, severity and window.
    rows: BTreeMap<(String, String, String), Row>,
}

/// Writes the tables into the document and to stdout, and returns whether every fault that costs calls is found, and no planned one pages.
pub(crate) fn write(cases: &[Case], records: &Path, simulated: &[u32]) -> io::Result<bool> {
    let mut seen = Vec::new();
    for case in cases {
        match Record::read(records, &case.name()) {
            Some(record) if !record.series.is_empty() => {
                seen.push(Seen::new(*case, record, simulated)?)
            }
            _ => eprintln!("{}: not seen", case.name()),
        }
    }
    let text = tables(&seen, simulated);
    io::stdout().write_all(text.as_bytes())?;
    let path = stack::path(DOCUMENT);
    let document = std::fs::read_to_string(&path)?;
    let (before, rest) = document
        .split_once(BEGIN)
        .ok_or_else(|| io::Error::other("docs/alerts.md has no place for the tables"))?;
    let (tables, after) = rest
        .split_once(END)
        .ok_or_else(|| io::Error::other("docs/alerts.md has no end of the tables"))?;
    // Of some cases, the lines of the others stay; a document without the simulation would lose columns.
    let tables = if seen.len() == Case::all().len() {
        text
    } else if simulated.is_empty() {
        return Ok(kept(&seen));
    } else {
        seen.iter().fold(tables.to_owned(), |tables, one| {
            replaced(&tables, one.case, &lines(one, simulated))
        })
    };
    std::fs::write(path, format!("{before}{BEGIN}{tables}{END}{after}"))?;
    Ok(kept(&seen))
}

/// Returns the tables with other lines for a case: those from its name to the next one.
fn replaced(tables: &str, case: Case, lines: &str) -> String {
    let mut text = String::new();
    let (mut of_kind, mut of_case) = (false, false);
    for line in tables.split_inclusive('\n') {
        if line.starts_with("### ") {
            of_kind = line.trim_end() == title(case.kind);
        }
        let is_first = line.starts_with(&format!("| `{}`: ", case.fault.name));
        of_case = of_kind && (is_first || (of_case && line.starts_with("|  |")));
        if of_case && is_first {
            text += lines;
        } else if !of_case {
            text += line;
        }
    }
    text
}

/// Says what an operator would object to, and returns whether there is nothing.
fn kept(seen: &[Seen]) -> bool {
    let mut kept = true;
    for one in seen {
        if let Some(wrong) = one.wrong() {
            eprintln!("{}: {wrong}", one.case.name());
            kept = false;
        }
    }
    kept
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Costly => "### Faults that cost calls: an alert must say so",
        Kind::Planned => "### Planned, or over within moments: nothing may page",
        Kind::Harmless => {
            "### Faults of minutes that cost no call, or fewer than the objective allows"
        }
    }
}

// === impl Seen ===

impl Seen {
    fn new(case: Case, record: Record, simulated: &[u32]) -> io::Result<Self> {
        let mut rows: BTreeMap<_, Row> = BTreeMap::new();
        let mut add = |firing: &[Firing], interval: u32, simulated: bool| {
            for one in firing {
                let key = (one.alert.clone(), one.severity.clone(), one.window.clone());
                let row = rows.entry(key).or_default();
                let times = if simulated {
                    &mut row.simulated
                } else {
                    &mut row.live
                };
                let (from, to) = (one.from - record.began, one.to - record.began);
                times
                    .entry(interval)
                    .and_modify(|time| *time = (time.0.min(from), time.1.max(to)))
                    .or_insert((from, to));
            }
        };
        for (interval, firing) in &record.firing {
            add(firing, *interval, false);
        }
        for &interval in simulated {
            eprintln!("{}: simulating scrapes each {interval} s", case.name());
            add(&simulation::firing(&record, interval)?, interval, true);
        }
        Ok(Self { case, record, rows })
    }

    fn fires(&self, row: &Row, interval: u32) -> bool {
        row.live.contains_key(&interval)
    }

    /// Says what an operator would object to.
    fn wrong(&self) -> Option<String> {
        match self.case.kind {
            Kind::Costly => {
                let missed: Vec<_> = LIVE
                    .iter()
                    .filter(|interval| !self.rows.values().any(|row| self.fires(row, **interval)))
                    .collect();
                (!missed.is_empty()).then(|| {
                    format!("costs calls, and no alert says so with scrapes of {missed:?} s")
                })
            }
            Kind::Planned => {
                let pages: Vec<_> = self
                    .rows
                    .keys()
                    .filter(|(_, severity, _)| severity == "critical")
                    .collect();
                (!pages.is_empty()).then(|| format!("is planned, and pages: {pages:?}"))
            }
            Kind::Harmless => None,
        }
    }
}

fn tables(seen: &[Seen], simulated: &[u32]) -> String {
    let mut text = String::new();
    for kind in [Kind::Costly, Kind::Planned, Kind::Harmless] {
        let of_kind: Vec<_> = seen.iter().filter(|one| one.case.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        text.push_str(title(kind));
        text.push_str("\n\n| Fault | Calls failed | Alert | 5 s | 15 s |");
        for interval in simulated {
            text.push_str(&format!(" {interval} s, simulated |"));
        }
        text.push_str(" Over |\n|---|---|---|---|---|---|");
        text.push_str(&"---|".repeat(simulated.len()));
        text.push('\n');
        for one in of_kind {
            text.push_str(&lines(one, simulated));
        }
        text.push('\n');
    }
    text
}

/// The lines of one case: one for each alert.
fn lines(one: &Seen, simulated: &[u32]) -> String {
    let record = &one.record;
    let lasted = record.ended - record.began;
    let what = if lasted < 1.0 {
        format!("`{}`: {}", one.case.fault.name, record.happened)
    } else {
        format!(
            "`{}`: {} ({lasted:.0} s in all)",
            one.case.fault.name, record.happened
        )
    };
    let costs = format!("{} of {}", record.failed, record.calls);
    if one.rows.is_empty() {
        return format!(
            "| {what} | {costs} | none |{}\n",
            " |".repeat(3 + simulated.len())
        );
    }
    let mut text = String::new();
    for (number, ((alert, severity, window), row)) in one.rows.iter().enumerate() {
        let (what, costs) = if number == 0 {
            (what.as_str(), costs.as_str())
        } else {
            ("", "")
        };
        let window = if window.is_empty() {
            String::new()
        } else {
            format!(", {window}")
        };
        let time = |times: &BTreeMap<u32, (f64, f64)>, interval: u32| {
            times
                .get(&interval)
                .map_or_else(|| "–".to_owned(), |(from, _)| format!("{from:.0} s"))
        };
        text.push_str(&format!(
            "| {what} | {costs} | {alert} ({severity}{window})"
        ));
        for interval in LIVE {
            text.push_str(&format!(" | {}", time(&row.live, interval)));
        }
        for &interval in simulated {
            text.push_str(&format!(" | {}", time(&row.simulated, interval)));
        }
        text.push_str(&format!(" | {} |\n", over(record, row)));
    }
    text
}

/// Says when an alert was over, on the Prometheus with most scrapes, counted from the end of the fault.
fn over(record: &Record, row: &Row) -> String {
    let Some((_, to)) = row.live.get(&LIVE[0]).or_else(|| row.live.get(&LIVE[1])) else {
        return String::new();
    };
    let to = record.began + to;
    if record.left - to < 30.0 {
        "later".to_owned()
    } else if to <= record.ended {
        "before the end".to_owned()
    } else {
        format!("{:.0} s", to - record.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(kind: Kind, severity: &str) -> Seen {
        let case = Case::all()
            .into_iter()
            .find(|case| case.kind == kind)
            .expect("there is one");
        let mut row = Row::default();
        for interval in LIVE {
            row.live.insert(interval, (70.0, 130.0));
        }
        let record = Record {
            began: 100.0,
            ended: 200.0,
            left: 400.0,
            calls: 10,
            failed: 2,
            ..Record::default()
        };
        let key = (
            "DubboTargetDown".to_owned(),
            severity.to_owned(),
            String::new(),
        );
        Seen {
            case,
            record,
            rows: [(key, row)].into(),
        }
    }

    #[test]
    fn a_missed_fault_and_a_page_for_a_planned_one_are_wrong() {
        assert_eq!(seen(Kind::Costly, "warning").wrong(), None);
        assert_eq!(seen(Kind::Planned, "warning").wrong(), None);
        assert!(seen(Kind::Planned, "critical").wrong().is_some());
        let mut missed = seen(Kind::Costly, "warning");
        missed.rows.clear();
        assert!(missed.wrong().is_some());
    }

    #[test]
    fn lines_of_one_case_replace_those_of_it_and_no_others() {
        let seen = seen(Kind::Planned, "warning");
        let name = seen.case.fault.name;
        let held = format!(
            "{}\n\n| `{name}`: for minutes | held |\n",
            title(Kind::Harmless)
        );
        let before = format!("{}\n\n| `other`: a | b |\n", title(Kind::Planned));
        let old = format!("{before}| `{name}`: x | y |\n|  |  | z |\n| `next`: c | d |\n\n{held}");
        let new = replaced(&old, seen.case, "new\n");
        assert_eq!(new, format!("{before}new\n| `next`: c | d |\n\n{held}"));
    }

    #[test]
    fn a_row_says_when_the_alert_fired_and_when_it_was_over() {
        let line = lines(&seen(Kind::Costly, "warning"), &[30, 60]);
        assert!(
            line.ends_with(
                "| 2 of 10 | DubboTargetDown (warning) | 70 s | 70 s | – | – | 30 s |\n"
            ),
            "{line}"
        );
    }
}
