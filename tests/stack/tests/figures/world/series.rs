//! Series as `promtool` reads them: labels, and values that stay or grow.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Samples after the first one.
pub(super) const STEPS: usize = 160;

pub(super) type Labels = BTreeMap<&'static str, &'static str>;

pub(super) fn labels(labels: &[(&'static str, &'static str)]) -> Labels {
    labels.iter().copied().collect()
}

/// Returns labels with others in place of, or beside, them.
pub(super) fn with(labels: &Labels, others: &[(&'static str, &'static str)]) -> Labels {
    let mut labels = labels.clone();
    labels.extend(others.iter().copied());
    labels
}

/// Returns a series as `promtool` reads it.
pub(super) fn written(name: &str, labels: &Labels) -> String {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{name}{{{}}}", labels.join(", "))
}

/// The series, as `promtool` reads them.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) series: Vec<Value>,
    /// Samples that each series is without at first.
    pub(super) since: usize,
}

impl World {
    pub(super) fn add(&mut self, name: &str, labels: &Labels, values: String) {
        let series = written(name, labels);
        let values = match self.since {
            0 => values,
            since => format!("_x{since} {values}"),
        };
        self.series
            .push(json!({ "series": series, "values": values }));
    }

    pub(super) fn has(&self, name: &str, labels: &Labels) -> bool {
        self.series
            .iter()
            .any(|one| one["series"] == written(name, labels))
    }

    pub(super) fn gauge(&mut self, name: &str, labels: &Labels, value: f64) {
        let values = format!("{value}x{}", STEPS - self.since);
        self.add(name, labels, values);
    }

    /// Adds a counter that grows by so much each second.
    pub(super) fn counter(&mut self, name: &str, labels: &Labels, rate: f64) {
        // One that begins late has counted for five minutes when it is first seen.
        let first = if self.since == 0 { 0.0 } else { rate * 300.0 };
        let values = format!("{first}+{}x{}", rate * 15.0, STEPS - self.since);
        self.add(name, labels, values);
    }
}
