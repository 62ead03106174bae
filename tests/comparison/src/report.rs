//! What is said about figures: tables for the terminal and for `docs/benchmarks.md`.

mod docs;
mod table;

pub(crate) use docs::Docs;

use std::fmt::Write as _;

use crate::machine::BUSY;
use crate::part::Part;
use crate::results::Results;

/// Returns everything that was measured as tables for the terminal.
pub(crate) fn text(results: &Results) -> String {
    let mut text = String::new();
    for part in Part::ALL {
        let Some(measured) = results.parts.get(&part) else {
            continue;
        };
        let note = if measured.busy > BUSY {
            ", AND THE MACHINE WAS BUSY"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "\n{} ({}, {} rounds, {:.0} s, {:.0} % in use by others before{note})",
            part.title(),
            measured.at,
            measured.rounds,
            measured.seconds,
            measured.busy * 100.0,
        );
        for table in table::of(results, part) {
            let _ = writeln!(text, "\n{}", table::lines(table));
        }
    }
    let _ = writeln!(text, "\nTargets, and what became of them\n");
    let _ = writeln!(text, "{}", table::lines(table::targets(results)));
    for reason in table::reasons(results) {
        let _ = write!(text, "\n{reason}");
    }
    text
}
