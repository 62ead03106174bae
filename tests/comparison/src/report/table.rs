//! Tables of figures.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::fit::Growth;
use crate::part::Part;
use crate::quantity::Quantity;
use crate::results::{Added, Curve, Results};
use crate::statistics::{median, spread};
use crate::subject::Subject;
use crate::targets::{TARGETS, Verdict, times};

/// Returns the tables of a part that was measured.
pub(super) fn of(results: &Results, part: Part) -> Vec<Table> {
    match part {
        Part::Growth => Added::ALL
            .into_iter()
            .filter_map(|added| growth(results, added))
            .collect(),
        _ => vec![figures(results, part)],
    }
}

/// Writes a table as Markdown, which is easy to read on a terminal as well.
pub(super) fn lines(mut table: Table) -> String {
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.lines().collect::<Vec<_>>().join("\n")
}

fn figures(results: &Results, part: Part) -> Table {
    let quantities: Vec<_> = Quantity::ALL
        .iter()
        .copied()
        .filter(|quantity| quantity.part() == part)
        .collect();
    let subjects: Vec<_> = Subject::ALL
        .into_iter()
        .filter(|subject| {
            quantities
                .iter()
                .any(|quantity| results.samples(*quantity, *subject).is_some())
        })
        .collect();
    let mut table = Table::new();
    let titles = |quantities: &[Quantity]| -> Vec<String> {
        quantities
            .iter()
            .map(|quantity| quantity.title().to_owned())
            .collect()
    };
    let names = |subjects: &[Subject]| -> Vec<String> {
        subjects.iter().map(ToString::to_string).collect()
    };
    // The longer list goes down the page.
    if quantities.len() <= subjects.len() {
        table.set_header(headed(titles(&quantities)));
        for (subject, name) in subjects.iter().zip(names(&subjects)) {
            let cells = quantities
                .iter()
                .map(|quantity| cell(results, *quantity, *subject));
            table.add_row(std::iter::once(name).chain(cells));
        }
    } else {
        table.set_header(headed(names(&subjects)));
        for (quantity, title) in quantities.iter().zip(titles(&quantities)) {
            let cells = subjects
                .iter()
                .map(|subject| cell(results, *quantity, *subject));
            table.add_row(std::iter::once(title).chain(cells));
        }
    }
    aligned(table)
}

fn headed(columns: Vec<String>) -> Vec<String> {
    std::iter::once(String::new()).chain(columns).collect()
}

fn aligned(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The median, how far the rounds lie apart, and how many times dubbo-go's it is: `151,000/s ± 2 %, × 11.4`.
fn cell(results: &Results, quantity: Quantity, subject: Subject) -> String {
    let Some(samples) = results.samples(quantity, subject) else {
        return "–".to_owned();
    };
    let mut text = quantity.unit().show(median(samples));
    if samples.len() > 1 {
        text.push_str(&format!(" ± {:.0} %", spread(samples) * 100.0));
    }
    let compared = !matches!(quantity.part(), Part::Exactness);
    if compared
        && subject != Subject::DubboGo
        && let Some(ratio) = results.ratio(quantity, subject, Subject::DubboGo)
    {
        text.push_str(&format!(", × {}", times(ratio)));
    }
    text
}

fn growth(results: &Results, added: Added) -> Option<Table> {
    let curves: Vec<&Curve> = results
        .parts
        .get(&Part::Growth)?
        .curves
        .iter()
        .filter(|curve| curve.added == added)
        .collect();
    let first = curves.first()?;
    let mut header = vec![added.title().to_owned(), String::new()];
    header.extend(first.points.iter().map(|(units, _)| format!("{units:.0}")));
    header.extend(["each".to_owned(), "growth".to_owned()]);
    let mut table = Table::new();
    table.set_header(header);
    for curve in &curves {
        let mut row = vec![curve.subject.to_string(), curve.watched.title().to_owned()];
        row.extend(
            curve
                .points
                .iter()
                .map(|(_, value)| curve.watched.unit().show(*value)),
        );
        row.extend(fitted(curve));
        table.add_row(row);
    }
    let mut table = aligned(table);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    Some(table)
}

/// What each unit adds, and how well a line says so.
fn fitted(curve: &Curve) -> [String; 2] {
    let Some(fit) = curve.fit() else {
        return ["–".to_owned(), "–".to_owned()];
    };
    let each = match fit.growth {
        Growth::Flat | Growth::Falling => "–".to_owned(),
        Growth::Linear | Growth::Neither => curve.watched.unit().show(fit.per_unit),
    };
    [each, format!("{} (R² {:.3})", fit.growth, fit.r_squared)]
}

/// Returns the table of targets.
pub(super) fn targets(results: &Results) -> Table {
    let mut table = Table::new();
    table.set_header(["target", "bound", "ours"]);
    for target in TARGETS {
        table.add_row([
            target.title.to_owned(),
            target.bound(),
            target.verdict(results).to_string(),
        ]);
    }
    aligned(table)
}

/// Returns a line for each reason for which targets were missed.
pub(super) fn reasons(results: &Results) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for target in &TARGETS {
        let missed = matches!(target.verdict(results), Verdict::Missed(_));
        if !missed || target.reason.is_empty() {
            continue;
        }
        let title = format!("*{}*", target.title);
        match reasons
            .iter_mut()
            .find(|(reason, _)| *reason == target.reason)
        {
            Some((_, titles)) => titles.push(title),
            None => reasons.push((target.reason, vec![title])),
        }
    }
    reasons
        .into_iter()
        .map(|(reason, titles)| format!("* {}: {reason}", titles.join("; ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Measured, Watched};

    fn results() -> Results {
        let mut consumer = Measured::default();
        for (ours, theirs) in [
            (55_000.0, 9_000.0),
            (52_000.0, 8_000.0),
            (54_000.0, 9_000.0),
        ] {
            consumer.add(Quantity::ConsumerCalls, Subject::Ours, ours);
            consumer.add(Quantity::ConsumerCalls, Subject::DubboGo, theirs);
        }
        consumer.add(Quantity::ConsumerCpu, Subject::DubboGo, 150.0);
        let mut growth = Measured::default();
        for units in [1.0, 10.0, 100.0] {
            let mut point = |watched, value| {
                growth.point(Added::Methods, watched, Subject::Ours, (units, value));
            };
            point(Watched::Cpu, 8.0);
            point(Watched::ScrapeSize, 10.0 * units);
        }
        Results {
            parts: [(Part::Consumer, consumer), (Part::Growth, growth)].into(),
        }
    }

    fn rendered(part: Part) -> Vec<String> {
        let tables = of(&results(), part).into_iter().map(lines);
        tables
            .flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn a_row_has_medians_spreads_and_ratios() {
        assert_eq!(
            rendered(Part::Consumer),
            [
                "|              |                  ours |      dubbo-go |",
                "|--------------|-----------------------|---------------|",
                "| calls        | 54,000/s ± 3 %, × 6.1 | 9,000/s ± 6 % |",
                "| CPU per call |                     – |        150 µs |",
                "| memory       |                     – |             – |",
            ]
        );
    }

    #[test]
    fn growth_says_what_one_more_costs() {
        assert_eq!(
            rendered(Part::Growth),
            [
                "| methods of a provider |                  |        1 |      10 |       100 |     each |            growth |",
                "|-----------------------|------------------|----------|---------|-----------|----------|-------------------|",
                "| ours                  | CPU per call     |  8.00 µs | 8.00 µs |   8.00 µs |        – |   flat (R² 1.000) |",
                "| ours                  | size of a scrape | 10.0 KiB | 100 KiB | 1,000 KiB | 10.0 KiB | linear (R² 1.000) |",
            ]
        );
    }

    #[test]
    fn every_target_has_a_row_whatever_was_measured() {
        let rows = lines(targets(&Results::default()));
        assert_eq!(rows.lines().count(), TARGETS.len() + 2);
        assert_eq!(rows.matches("not measured").count(), TARGETS.len());
    }
}
