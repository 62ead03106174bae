//! Every query of the dashboard answers with the right figures: those of processes that are known to the last call.
//!
//! The processes are series in `world`, `promtool` runs the rules and the queries over them, and `expected.yml` states what each query has to
//! answer. Processes beside the chosen ones, which differ in one label each, make a query that forgets a filter answer with something else;
//! `mutants` checks that of each query.

mod expected;
mod mutants;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use expected::{Choice, Expected};
use serde_json::{Value, json};
use stack::{Dashboard, all_panels, json, list, path, string, text};
use test_servers::PrometheusVersion;

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

fn dashboards() -> BTreeMap<Choice, Dashboard> {
    let each = Choice::all().into_iter();
    each.map(|choice| (choice, choice.dashboard())).collect()
}

/// Asks every query of the dashboard on these series, by each version of Prometheus.
fn answers_are_as_expected(series: &[Value]) {
    let dashboards = dashboards();
    let expected = expected::all();
    let queries: Vec<_> = expected
        .iter()
        .map(|((choice, place), expected)| {
            let query = dashboards[choice].query(place);
            (expected::rounded(place, query), expected)
        })
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
    let stated = |choice: Choice| -> BTreeSet<String> {
        let keys = expected.keys().filter(|(of, _)| *of == choice);
        keys.map(|(_, place)| place.clone()).collect()
    };
    assert_eq!(
        stated(Choice::Some),
        expected::places(),
        "expected.yml states what each query answers"
    );
    // What is read of everything is other series.
    let dashboard = Choice::Some.dashboard();
    for (choice, sum) in [
        (
            Choice::AllInstances,
            ["dubbo:method_", "_bucket:rate5m"].as_slice(),
        ),
        (Choice::AllMethods, &["dubbo:instance_"]),
        (Choice::AllOfBoth, &["dubbo:interface_"]),
    ] {
        let with_sums: BTreeSet<_> = expected::places()
            .into_iter()
            .filter(|place| place.starts_with("panel "))
            .filter(|place| sum.iter().any(|sum| dashboard.query(place).contains(sum)))
            .collect();
        assert_eq!(stated(choice), with_sums, "{choice:?}");
    }
    for (place, expected) in &expected {
        assert!(
            !expected.samples.is_empty(),
            "{place:?}: an empty answer would show nothing"
        );
    }
}

#[test]
fn every_wrong_query_is_noticed() {
    let dashboards = dashboards();
    let expected = expected::all();
    let mut mutants = Vec::new();
    for ((choice, place), expected) in &expected {
        let query = dashboards[choice].query(place);
        let right = expected::rounded(place, query);
        for (change, query) in mutants::of(query, &choice.variables()) {
            let query = expected::rounded(place, &query);
            if query != right && !mutants::is_equivalent(*choice, place, &right, &change) {
                mutants.push((format!("{choice:?}, {place}: {change}"), (query, expected)));
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
