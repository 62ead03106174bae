//! Writes the families of calls: one series for each method.

use super::Readings;
use crate::buckets::Geometry;
use crate::config::Families;
use crate::exposition::{Distribution, Format, Labels, Text, bound_label};
use crate::families::{CALLS, CallRow, CallSource};
use crate::key::Side;
use crate::outcome::{Fault, Outcome, OutcomeKind};
use crate::reading::Reading;

/// The labels that every series of calls shares, rendered once for a scrape.
struct Rendered<'a> {
    geometry: &'a Geometry,
    /// `le` of each exported bucket, the infinite one last.
    bounds: Vec<(Labels, f64)>,
    errors: Vec<(Outcome, Labels)>,
    attempts: [Labels; 2],
    families: Families,
}

impl<'a> Rendered<'a> {
    fn new(format: Format, geometry: &'a Geometry, families: Families) -> Self {
        let bounds = geometry.bounds_seconds().iter().copied();
        let bounds = bounds.chain([f64::INFINITY]);
        let errors = Outcome::all().skip(1);
        Self {
            geometry,
            bounds: bounds
                .map(|bound| (bound_label(format, bound), bound))
                .collect(),
            errors: errors
                .map(|outcome| (outcome, error_labels(outcome)))
                .collect(),
            attempts: ["ok", "failed"].map(|outcome| Labels::one("outcome", outcome)),
            families,
        }
    }
}

/// Writes the families of calls, of both sides.
pub(super) fn write(text: &mut Text, readings: &Readings, geometry: &Geometry, families: Families) {
    let rendered = Rendered::new(text.format(), geometry, families);
    for side in [Side::Provider, Side::Consumer] {
        let readings = readings.iter().filter(|(series, _)| series.side == side);
        if readings.clone().next().is_none() {
            continue;
        }
        let rows = CALLS
            .iter()
            .filter(|row| families == Families::All || row.is_lean());
        for row in rows {
            let Some(family) = row.family(side) else {
                continue;
            };
            text.family(&family.name, family.kind, &family.help);
            for (series, reading) in readings.clone() {
                text.created_seconds =
                    (families == Families::All).then_some(series.created_seconds);
                write_samples(text, row, &family.name, &series.labels, reading, &rendered);
            }
        }
    }
}

/// Writes one family's samples of one series.
fn write_samples(
    text: &mut Text,
    row: &CallRow,
    name: &str,
    labels: &Labels,
    reading: &Reading,
    rendered: &Rendered<'_>,
) {
    match row.source {
        CallSource::Count(read) => text.count(name, labels, Labels::none(), read(reading)),
        CallSource::Gauge(read) => {
            if let Some(value) = read(reading) {
                text.gauge(name, labels, Labels::none(), value);
            }
        }
        CallSource::Durations => text.histogram(
            name,
            labels,
            &Distribution {
                bounds: &rendered.bounds,
                counts: &reading.exported,
                sum: reading.totals.sum as f64 / 1e9,
                native: Some(&reading.native),
                newest: &match text.format() {
                    Format::Text => Vec::new(),
                    _ => reading.exemplars.by_bucket(rendered.geometry),
                },
                exemplars: Some(&reading.exemplars),
            },
        ),
        CallSource::Errors => {
            let zeros = rendered.families == Families::All;
            for (outcome, extra) in &rendered.errors {
                let count = reading.codes[outcome.index()];
                if count > 0 || (zeros && from_the_start(*outcome)) {
                    let exemplar = reading.exemplars.of_error(*outcome);
                    // A call that ended after the counters were read is counted next time.
                    let exemplar = exemplar.filter(|_| count > 0);
                    text.count_with(name, labels, extra, count, exemplar);
                }
            }
        }
        CallSource::Attempts => {
            let counts = [reading.attempts_ok, reading.attempts_failed];
            for (outcome, count) in rendered.attempts.iter().zip(counts) {
                text.count(name, labels, outcome, count);
            }
        }
    }
}

/// Tells whether an error has a series before it happens: the usual code of each kind does, so that the first one shows as an increase.
fn from_the_start(outcome: Outcome) -> bool {
    const USUAL: [Outcome; 6] = [
        Outcome::BUSINESS,
        Outcome::TIMEOUT,
        Outcome::LIMIT,
        Outcome::UNAVAILABLE,
        Outcome::CANCELLED,
        Outcome::UNKNOWN,
    ];
    USUAL.contains(&outcome)
}

fn error_labels(outcome: Outcome) -> Labels {
    debug_assert_ne!(outcome.kind(), OutcomeKind::Success, "success is no error");
    let code = outcome
        .code()
        .map_or_else(|| "other".to_owned(), |code| code.to_string());
    Labels::new([
        ("error_code", code.as_str()),
        ("error_name", outcome.name()),
        ("error_type", outcome.kind().name()),
        ("fault", outcome.fault().map_or("", Fault::name)),
    ])
}
