//! Every query of the dashboard answers with the right figures: those of processes that are known to the last call.
//!
//! The processes are series in `world`, `promtool` runs the rules and the queries over them, and `expected.yml` states what each query has to
//! answer. Processes beside the chosen ones, which differ in one label each, make a query that forgets a filter answer with something else;
//! `mutants` checks that of each query.

mod expected;
mod mutants;
mod world;

use std::collections::BTreeSet;

use expected::Expected;
use serde_json::{Value, json};
use stack::{Dashboard, all_panels, json, list, path, string, text};
use test_servers::PrometheusVersion;

/// What is chosen in the dashboard's variables.
const CHOSEN: [(&str, &str); 9] = [
    ("cluster", "east"),
    ("namespace", "shop"),
    ("job", "dubbo|dubbo_server"),
    ("instance", "a|b|c|w|v|dead|other"),
    ("application", "orders|web"),
    ("interface", "shop.Orders|shop.Late"),
    ("group", "g"),
    ("version", "1.0.0"),
    ("method", "Place|Find|Late"),
];

/// Returns the dashboard with these values in its variables.
fn dashboard(chosen: &[(&str, &str)]) -> Dashboard {
    Dashboard::with(chosen, "1m", "20m")
}

/// Returns `promtool`'s failures when these queries should answer as expected of these series, each as it prints it.
fn failures(
    version: PrometheusVersion,
    series: &[Value],
    queries: &[(String, &Expected)],
) -> Vec<String> {
    let rules = |name: &str| {
        let file = path(&format!("prometheus_grafana/rules/{name}.yml"));
        let file = file.canonicalize().expect("the rules are there");
        file.display().to_string()
    };
    let cases: Vec<Value> = queries
        .iter()
        .map(|(query, expected)| {
            let samples: Vec<_> = expected
                .samples
                .iter()
                .map(|(labels, value)| json!({ "labels": labels, "value": value }))
                .collect();
            json!({ "expr": query, "eval_time": expected.at, "exp_samples": samples })
        })
        .collect();
    let file = json!({
        "rule_files": [rules("recording"), rules("alerts")],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "15s",
            "input_series": series,
            "promql_expr_test": cases,
        }],
    });
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let test = folder.path().join("figures.test.yml");
    std::fs::write(&test, file.to_string()).expect("the folder is ours");
    let output = std::process::Command::new(version.program("promtool"))
        .args(["test", "rules"])
        .arg(&test)
        .output()
        .unwrap_or_else(|err| panic!("promtool: {err}; Debian has it in the package prometheus"));
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let failures: Vec<_> = printed
        .split("    expr: ")
        .skip(1)
        .map(|failure| failure.trim().to_owned())
        .collect();
    assert!(
        output.status.success() == failures.is_empty() && printed.contains("figures.test.yml"),
        "{printed}"
    );
    failures
}

/// Asks every query of the dashboard on these series, by each version of Prometheus.
fn answers_are_as_expected(series: &[Value]) {
    let dashboard = dashboard(&CHOSEN);
    let expected = expected::all();
    let queries: Vec<_> = expected
        .iter()
        .map(|(place, expected)| (expected::rounded(place, dashboard.query(place)), expected))
        .collect();
    for version in PrometheusVersion::all() {
        let failures = failures(version, series, &queries);
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

#[test]
fn every_query_answers_with_the_right_figures() {
    answers_are_as_expected(&world::series());
}

#[test]
fn every_query_answers_the_same_of_lean_processes() {
    let (all, lean) = (world::series(), world::lean_series());
    assert!(lean.len() < all.len() - 50, "{} series", lean.len());
    answers_are_as_expected(&lean);
}

#[test]
fn every_query_has_an_expectation() {
    let expected = expected::all();
    let stated: BTreeSet<_> = expected.keys().map(String::as_str).collect();
    let dashboard = dashboard(&CHOSEN);
    let asked: BTreeSet<_> = dashboard.places().collect();
    assert_eq!(stated, asked, "expected.yml states what each query answers");
    for (place, expected) in &expected {
        assert!(
            !expected.samples.is_empty(),
            "{place}: an empty answer would show nothing"
        );
    }
}

#[test]
fn every_wrong_query_is_noticed() {
    let dashboard = dashboard(&CHOSEN);
    let expected = expected::all();
    let mut mutants = Vec::new();
    for (place, expected) in &expected {
        let right = expected::rounded(place, dashboard.query(place));
        for (change, query) in mutants::of(dashboard.query(place), &CHOSEN) {
            let query = expected::rounded(place, &query);
            if query != right && !mutants::is_equivalent(place, &right, &change) {
                mutants.push((format!("{place}: {change}"), (query, expected)));
            }
        }
    }
    assert!(mutants.len() > 500, "{} wrong queries", mutants.len());
    let (changes, queries): (Vec<_>, Vec<_>) = mutants.into_iter().unzip();
    let failures = failures(PrometheusVersion::Installed, &world::series(), &queries);
    let noticed = |query: &str| {
        let printed = format!("{}, time:", json!(query));
        failures.iter().any(|failure| failure.starts_with(&printed))
    };
    let unnoticed: Vec<_> = changes
        .iter()
        .zip(&queries)
        .filter(|(_, (query, _))| !noticed(query))
        .map(|(change, (query, _))| format!("{change}\n    {query}"))
        .collect();
    assert!(
        unnoticed.is_empty(),
        "{} of {} wrong queries answer with the right figures:\n{}",
        unnoticed.len(),
        changes.len(),
        unnoticed.join("\n")
    );
}

#[test]
fn the_runbook_shows_each_section_of_its_page() {
    let page = text("docs/runbook.md");
    let sections: Vec<_> = page
        .split("\n### ")
        .skip(1)
        .filter_map(|section| section.split_once('\n'))
        .collect();
    let dashboard = json("prometheus_grafana/grafana/runbook.json");
    let shown: Vec<_> = all_panels(&dashboard)
        .map(|panel| {
            (
                string(&panel["title"]),
                string(&panel["options"]["content"]),
            )
        })
        .collect();
    assert_eq!(shown, sections);
    assert_eq!(
        shown.len(),
        list(&dashboard["panels"]).len(),
        "nothing is folded"
    );
}
