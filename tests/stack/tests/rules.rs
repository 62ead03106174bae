//! The rules are valid, tested one by one, explained in the runbook, and what the mixin generates.

use serde_json::Value;
use stack::{json, list, path, string, text, tool, yaml};
use test_servers::PrometheusVersion;

/// The alert that fires always, so that its absence is noticed.
const WATCHDOG: &str = "DubboWatchdog";

fn alerts() -> Vec<Value> {
    let groups = yaml("prometheus_grafana/rules/alerts.yml");
    list(&groups["groups"])
        .iter()
        .flat_map(|group| list(&group["rules"]))
        .cloned()
        .collect()
}

fn tests() -> Vec<String> {
    let folder =
        std::fs::read_dir(path("prometheus_grafana/rules/tests")).expect("the tests are there");
    let mut files: Vec<_> = folder
        .map(|file| {
            format!(
                "prometheus_grafana/rules/tests/{}",
                file.expect("it can be read").file_name().display()
            )
        })
        .collect();
    files.sort();
    files
}

/// Runs `promtool` with these arguments, of each version that this machine has, side by side.
fn promtool(arguments: &[String]) {
    std::thread::scope(|scope| {
        for version in PrometheusVersion::all() {
            let program = version.program("promtool").display().to_string();
            scope.spawn(move || tool(&program, "prometheus", arguments));
        }
    });
}

#[test]
fn promtool_accepts_the_rules() {
    for file in ["recording", "alerts"] {
        let file = format!("prometheus_grafana/rules/{file}.yml");
        promtool(&["check".into(), "rules".into(), file]);
    }
}

#[test]
fn promtool_sees_each_rule_fire_and_stay_silent() {
    let arguments: Vec<_> = ["test".into(), "rules".into()]
        .into_iter()
        .chain(tests())
        .collect();
    promtool(&arguments);
}

/// What a test file expects of alerts: their names, and whether they fire.
fn expectations(file: &str) -> Vec<(String, bool)> {
    let content = yaml(file);
    let tests = list(&content["tests"]);
    let cases = tests
        .iter()
        .flat_map(|test| list(&test["alert_rule_test"]))
        .map(|case| {
            (
                string(&case["alertname"]).to_owned(),
                !list(&case["exp_alerts"]).is_empty(),
            )
        });
    // `ALERTS` says which alerts fire, of all of them.
    let queries = tests
        .iter()
        .flat_map(|test| list(&test["promql_expr_test"]))
        .filter(|query| string(&query["expr"]).contains("ALERTS{"));
    let names: Vec<String> = alerts()
        .iter()
        .map(|alert| string(&alert["alert"]).to_owned())
        .collect();
    let seen = queries.flat_map(|query| {
        let expected = query["exp_samples"].to_string();
        let about = string(&query["expr"]).to_owned();
        let all = about.contains("alertname!=");
        names.clone().into_iter().filter_map(move |name| {
            let fires = expected.contains(&format!("\"{name}\\\""))
                || expected.contains(&format!("\\\"{name}\\\""));
            (fires || all || about.contains(&name)).then_some((name, fires))
        })
    });
    cases.chain(seen).collect()
}

#[test]
fn every_alert_is_tested_both_firing_and_not_firing() {
    let cases: Vec<_> = tests().iter().flat_map(|file| expectations(file)).collect();
    for alert in alerts() {
        let name = string(&alert["alert"]);
        let mut fires = cases
            .iter()
            .filter(|(tested, _)| tested == name)
            .map(|(_, fires)| *fires);
        assert!(fires.clone().any(|fires| fires), "no test sees {name} fire");
        assert!(
            name == WATCHDOG || fires.any(|fires| !fires),
            "no test sees {name} stay silent"
        );
    }
}

#[test]
fn every_alert_has_texts_a_severity_and_a_section_in_the_runbook() {
    let runbook = text("docs/runbook.md");
    let sections: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    for alert in alerts() {
        let name = string(&alert["alert"]);
        for annotation in ["summary", "description"] {
            let text = string(&alert["annotations"][annotation]);
            assert!(
                text.ends_with('.'),
                "{name} should have a {annotation} that is a sentence: {text:?}"
            );
        }
        let severities = match name {
            WATCHDOG => ["none"].as_slice(),
            _ => &["critical", "warning", "info"],
        };
        assert!(
            severities.contains(&string(&alert["labels"]["severity"])),
            "{name}"
        );
        assert!(
            alert["for"].is_string(),
            "{name} should say how long it waits"
        );
        // The runbook's dashboard has a panel for each section, in their order.
        let place = sections.iter().position(|section| *section == name);
        let place = place.unwrap_or_else(|| panic!("the runbook has no section {name}")) + 1;
        let link = format!("http://localhost:3000/d/dubbo-runbook?viewPanel=panel-{place}");
        assert_eq!(alert["annotations"]["runbook_url"], link);
        let dashboard = string(&alert["annotations"]["dashboard_url"]);
        assert!(
            dashboard.starts_with("http://localhost:3000/d/dubbo?"),
            "{name}: {dashboard}"
        );
    }
    let names: Vec<_> = alerts()
        .iter()
        .map(|alert| string(&alert["alert"]).to_owned())
        .collect();
    for section in sections {
        assert!(
            names.iter().any(|name| name == section),
            "the runbook explains {section}, which is no alert"
        );
    }
}

/// What alerts read as it is exported: of servers that are none of the three languages' processes. All else is recorded series.
const OF_SERVERS: [(&str, &str); 5] = [
    ("up", "Prometheus: whether a target answers"),
    ("prometheus_rule_evaluation_failures_total", "Prometheus"),
    (
        "prometheus_rule_group_iterations_missed_total",
        "Prometheus",
    ),
    ("push_time_seconds", "the Pushgateway"),
    ("push_failure_time_seconds", "the Pushgateway"),
];

#[test]
fn alerts_stand_on_recorded_series() {
    for alert in alerts() {
        let raw = stack::families(string(&alert["expr"]));
        let others: Vec<_> = raw
            .iter()
            .filter(|family| !OF_SERVERS.iter().any(|(known, _)| known == family))
            .collect();
        assert!(others.is_empty(), "{} reads {others:?}", alert["alert"]);
    }
}

#[test]
fn nothing_is_joined_or_summed_without_the_labels_of_the_cluster() {
    for file in ["recording", "alerts"] {
        for (line, text) in (1..).zip(text(&format!("prometheus_grafana/rules/{file}.yml")).lines())
        {
            for (word, _) in text.match_indices("by (").chain(text.match_indices("on (")) {
                let labels = text[word + 4..].split(')').next().unwrap_or_default();
                // Objectives hold everywhere, and a provider may be in another cluster.
                let everywhere = ["interface, method", "interface"].contains(&labels);
                assert!(
                    labels.starts_with("cluster, namespace") || everywhere,
                    "{file}.yml:{line}: by or on ({labels})"
                );
            }
        }
    }
}

#[test]
fn the_generated_files_are_those_of_the_mixin() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let script = path("prometheus_grafana/mixin/generate.sh");
    tool(&script.display().to_string(), "jsonnet", [folder.path()]);
    for file in [
        "grafana.json",
        "docs/dashboard.svg",
        "prometheus_grafana/mixin/runbook.json",
        "prometheus_grafana/grafana/runbook.json",
        "prometheus_grafana/rules/recording.yml",
        "prometheus_grafana/rules/alerts.yml",
        "kubernetes/monitoring/dubboPrometheusRule.yaml",
        "kubernetes/monitoring/dubboDashboard.yaml",
        "kubernetes/monitoring/dubboRunbook.yaml",
    ] {
        let generated =
            std::fs::read_to_string(folder.path().join(file)).expect("the script writes it");
        assert!(
            generated == text(file),
            "{file} is not what the mixin says: run prometheus_grafana/mixin/generate.sh"
        );
    }
}

#[test]
fn kubernetes_gets_the_same_rules_and_the_same_dashboard() {
    let rule = yaml("kubernetes/monitoring/dubboPrometheusRule.yaml");
    let mut groups = list(&yaml("prometheus_grafana/rules/recording.yml")["groups"]).to_vec();
    groups.extend_from_slice(list(&yaml("prometheus_grafana/rules/alerts.yml")["groups"]));
    let names: std::collections::BTreeSet<_> =
        groups.iter().map(|group| string(&group["name"])).collect();
    assert_eq!(
        names.len(),
        groups.len(),
        "the API server refuses two groups with one name: {names:?}"
    );
    assert_eq!(rule["spec"]["groups"], Value::Array(groups));

    for (map, key, file) in [
        ("dubboDashboard", "dubbo.json", "grafana.json"),
        (
            "dubboRunbook",
            "dubbo-runbook.json",
            "prometheus_grafana/grafana/runbook.json",
        ),
    ] {
        let map = yaml(&format!("kubernetes/monitoring/{map}.yaml"));
        let dashboard = map["data"][key].as_str().expect("the map holds a text");
        let dashboard: Value = serde_json::from_str(dashboard).expect("the text is JSON");
        assert_eq!(dashboard, json(file));
    }
}
