//! The queries of the dashboard, and their answers on a real Prometheus.

use std::collections::BTreeMap;

use serde_json::Value;
use test_servers::{Prometheus, Sample};

use crate::{json, list, string};

/// Returns every panel of a dashboard, those of folded rows too, and the rows themselves.
pub fn all_panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"])
        .iter()
        .flat_map(|panel| std::iter::once(panel).chain(list(&panel["panels"])))
}

/// Returns every query of `grafana.json`, each with where it stands: `panel … A`, `variable …` or `annotation …`.
pub fn expressions() -> Vec<(String, String)> {
    let dashboard = json("grafana.json");
    let mut expressions = Vec::new();
    for panel in all_panels(&dashboard) {
        for target in list(&panel["targets"]) {
            let place = format!(
                "panel {} {}",
                string(&panel["title"]),
                string(&target["refId"])
            );
            expressions.push((place, string(&target["expr"]).to_owned()));
        }
    }
    for variable in list(&dashboard["templating"]["list"]) {
        if variable["type"] == "query" {
            expressions.push((
                format!("variable {}", string(&variable["name"])),
                string(&variable["query"]["query"]).to_owned(),
            ));
        }
    }
    for annotation in list(&dashboard["annotations"]["list"]) {
        expressions.push((
            format!("annotation {}", string(&annotation["name"])),
            string(&annotation["expr"]).to_owned(),
        ));
    }
    expressions
}

/// The queries of `grafana.json` with values in place of their variables.
#[derive(Debug)]
pub struct Dashboard {
    queries: BTreeMap<String, String>,
}

impl Dashboard {
    /// Takes everything for each variable, as the dashboard does at first, and these ranges for `$__rate_interval` and `$__range`.
    pub fn new(rate_interval: &str, range: &str) -> Self {
        Self::of_instance(".*", rate_interval, range)
    }

    /// Takes the instances that match, everything for each other variable, and these ranges.
    pub fn of_instance(instance: &str, rate_interval: &str, range: &str) -> Self {
        Self::with(&[("instance", instance)], rate_interval, range)
    }

    /// Takes these values of variables, everything for each other one, and these ranges.
    pub fn with(variables: &[(&str, &str)], rate_interval: &str, range: &str) -> Self {
        let queries = expressions()
            .into_iter()
            .map(|(place, query)| {
                let chosen = variables.iter().fold(query, |query, (name, value)| {
                    // The empty value beside the chosen ones is that of series without the label.
                    query
                        .replace(&format!("${name}\""), &format!("{value}\""))
                        .replace(&format!("${name}|\""), &format!("{value}|\""))
                        // Variables side by side.
                        .replace(&format!("${name}$"), &format!("({value})$"))
                });
                let query = chosen
                    .replace("$__rate_interval", rate_interval)
                    .replace("$__range", range)
                    .replace("$instance", ".*")
                    .replace("$cluster", ".*")
                    .replace("$namespace", ".*")
                    .replace("$job", ".*")
                    .replace("$application", ".*")
                    .replace("$interface", ".*")
                    .replace("$method", ".*")
                    .replace("$busiest", ".*")
                    .replace("$side", ".*")
                    .replace("$group", ".*")
                    .replace("$version", ".*");
                assert!(
                    !query.contains("$"),
                    "{place} has an unknown variable: {query}"
                );
                (place, query)
            })
            .map(|(place, query)| (place, of_variable(&query).unwrap_or(query)))
            .collect();
        Self { queries }
    }

    /// Returns where all queries stand.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.queries.keys().map(String::as_str)
    }

    /// Returns the query that stands at `place`.
    ///
    /// # Panics
    /// When there is none.
    pub fn query(&self, place: &str) -> &str {
        self.queries
            .get(place)
            .unwrap_or_else(|| panic!("the dashboard has no {place}"))
    }

    /// Asks the query that stands at `place`.
    pub async fn ask(&self, prometheus: &Prometheus, place: &str) -> Vec<Sample> {
        prometheus.query(self.query(place)).await
    }

    /// Asks the query that stands at `place` and answers with one value.
    pub async fn value(&self, prometheus: &Prometheus, place: &str) -> Option<f64> {
        let samples = self.ask(prometheus, place).await;
        assert!(
            samples.len() <= 1,
            "{place} should answer with one value: {samples:?}"
        );
        samples.first().map(|sample| sample.value)
    }
}

/// Returns what Grafana asks for `label_values(selector, label)` and `query_result(query)`, as a query.
fn of_variable(query: &str) -> Option<String> {
    if let Some(inside) = query.strip_prefix("query_result(") {
        return inside.strip_suffix(')').map(str::to_owned);
    }
    let inside = query.strip_prefix("label_values(")?.strip_suffix(')')?;
    let (selector, label) = inside.rsplit_once(", ")?;
    Some(format!("count by ({label}) ({selector})"))
}
