//! What each query has to answer: `expected.yml`.

use std::collections::{BTreeMap, BTreeSet};

use stack::{Dashboard, yaml};

/// What is chosen in the dashboard's variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Choice {
    /// Something of each of them.
    Some,
    /// All jobs and instances.
    AllInstances,
    /// All groups, versions and methods.
    AllMethods,
    /// All of both.
    AllOfBoth,
}

/// Variables and their values.
const CHOSEN: [(&str, &str); 10] = [
    ("cluster", "east"),
    ("namespace", "shop"),
    ("job", "dubbo|dubbo_server"),
    ("instance", "a|b|c|w|v|dead|other"),
    ("application", "orders|web"),
    ("interface", "shop.Orders|shop.Late"),
    ("group", "g"),
    ("version", "1.0.0"),
    ("method", "Place|Find|Late"),
    // Of the chosen methods.
    ("busiest", "Place|Find|Late"),
];

impl Choice {
    pub(crate) fn all() -> [Self; 4] {
        [
            Self::Some,
            Self::AllInstances,
            Self::AllMethods,
            Self::AllOfBoth,
        ]
    }

    /// Returns the variables in which something is chosen, and what.
    pub(crate) fn variables(self) -> Vec<(&'static str, &'static str)> {
        let all: &[&str] = match self {
            Self::Some => &[],
            Self::AllInstances => &["job", "instance"],
            Self::AllMethods => &["group", "version", "method", "busiest"],
            Self::AllOfBoth => &["job", "instance", "group", "version", "method", "busiest"],
        };
        CHOSEN
            .into_iter()
            .filter(|(name, _)| !all.contains(name))
            .collect()
    }

    /// Returns the queries of the dashboard with these values.
    pub(crate) fn dashboard(self) -> Dashboard {
        Dashboard::with(&self.variables(), "1m", "20m")
    }
}

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

/// Returns the places of all queries whose answer is shown: exemplars are asked for with a query that answers nothing.
pub(crate) fn places() -> BTreeSet<String> {
    let dashboard = Choice::Some.dashboard();
    dashboard
        .places()
        .filter(|place| !dashboard.query(place).ends_with(" @ 0"))
        .map(str::to_owned)
        .collect()
}

/// Returns what is expected at each place of the dashboard with a choice.
///
/// # Panics
/// When `expected.yml` is malformed.
pub(crate) fn all() -> BTreeMap<(Choice, String), Expected> {
    let file = yaml("tests/stack/tests/figures/expected.yml");
    let sections = file.as_object().expect("the file has sections");
    let mut all = BTreeMap::new();
    for (section, entries) in sections {
        let (section, choice) = match section.split_once(" of all ") {
            Some((section, "instances")) => (section, Choice::AllInstances),
            Some((section, "methods")) => (section, Choice::AllMethods),
            Some((section, _)) => (section, Choice::AllOfBoth),
            None => (section.as_str(), Choice::Some),
        };
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
                all.insert((choice, place), Expected { at, samples });
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

/// Returns a query as it is compared: to the millionth, and of a variable's values whether there are any, unless they are those of a query.
pub(crate) fn rounded(place: &str, query: &str) -> String {
    if place.starts_with("variable ") && query.starts_with("count by (") {
        format!("({query}) * 0 + 1")
    } else {
        format!("round(({query}), 1e-6)")
    }
}
