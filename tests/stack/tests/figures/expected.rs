//! What each query has to answer: `expected.yml`.

use std::collections::BTreeMap;

use stack::yaml;

/// What a query answers at a time.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Since the first sample, as `40m`.
    pub(crate) at: String,
    /// Labels as `promtool` reads them, and values.
    pub(crate) samples: BTreeMap<String, f64>,
}

/// When queries are asked, unless `expected.yml` says something else.
const END: &str = "40m";

/// Returns what is expected at each place of the dashboard.
///
/// # Panics
/// When `expected.yml` is malformed.
pub(crate) fn all() -> BTreeMap<String, Expected> {
    let file = yaml("tests/stack/tests/figures/expected.yml");
    let sections = file.as_object().expect("the file has sections");
    let mut all = BTreeMap::new();
    for (section, entries) in sections {
        for (title, targets) in entries.as_object().expect("a section has entries") {
            let mut add = |place: String, samples: &serde_json::Value| {
                let (place, at) = match place.split_once(" @ ") {
                    Some((place, at)) => (place.to_owned(), at.to_owned()),
                    None => (place, END.to_owned()),
                };
                let samples = samples
                    .as_object()
                    .unwrap_or_else(|| panic!("{place} has labels with values"));
                let samples = samples
                    .iter()
                    .map(|(labels, value)| {
                        let value = value.as_f64();
                        (
                            labels.clone(),
                            value.unwrap_or_else(|| panic!("{place}: {labels}")),
                        )
                    })
                    .collect();
                all.insert(place, Expected { at, samples });
            };
            if section == "panels" {
                for (target, samples) in targets.as_object().expect("a panel has targets") {
                    add(format!("panel {title} {target}"), samples);
                }
            } else {
                add(
                    format!("{} {title}", section.trim_end_matches('s')),
                    targets,
                );
            }
        }
    }
    all
}

/// Returns a query as it is compared: to the millionth, and of a variable's values whether there are any.
pub(crate) fn rounded(place: &str, query: &str) -> String {
    if place.starts_with("variable ") {
        format!("({query}) * 0 + 1")
    } else {
        format!("round(({query}), 1e-6)")
    }
}
