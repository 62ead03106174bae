//! The rules are valid, tested one by one, explained in the runbook, and what the mixin generates.

use serde_json::Value;
use stack::{json, list, path, string, text, tool, yaml};

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

#[test]
fn promtool_accepts_the_rules() {
    for file in ["recording", "alerts"] {
        tool(
            "promtool",
            "prometheus",
            [
                "check",
                "rules",
                &format!("prometheus_grafana/rules/{file}.yml"),
            ],
        );
    }
}

#[test]
fn promtool_sees_each_rule_fire_and_stay_silent() {
    let arguments = ["test".into(), "rules".into()].into_iter().chain(tests());
    tool("promtool", "prometheus", arguments);
}

#[test]
fn every_alert_is_tested_both_firing_and_not_firing() {
    let cases: Vec<Value> = tests()
        .iter()
        .flat_map(|file| list(&yaml(file)["tests"]).to_vec())
        .flat_map(|test| list(&test["alert_rule_test"]).to_vec())
        .collect();
    for alert in alerts() {
        let name = &alert["alert"];
        let mut fires = cases
            .iter()
            .filter(|case| &case["alertname"] == name)
            .map(|case| !list(&case["exp_alerts"]).is_empty());
        assert!(fires.clone().any(|fires| fires), "no test sees {name} fire");
        assert!(fires.any(|fires| !fires), "no test sees {name} stay silent");
    }
}

#[test]
fn every_alert_has_texts_a_severity_and_a_section_in_the_runbook() {
    let runbook = text("docs/runbook.md");
    let mut sections: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    for alert in alerts() {
        let name = alert["alert"].as_str().expect("an alert has a name");
        for annotation in ["summary", "description"] {
            let text = string(&alert["annotations"][annotation]);
            assert!(
                text.ends_with('.'),
                "{name} should have a {annotation} that is a sentence: {text:?}"
            );
        }
        assert!(
            ["critical", "warning"].contains(&string(&alert["labels"]["severity"])),
            "{name}"
        );
        assert!(
            alert["for"].is_string(),
            "{name} should wait before it fires"
        );
        let link = format!("docs/runbook.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook_url"], link);
        assert!(
            sections.contains(&name),
            "the runbook has no section {name}"
        );
        sections.retain(|section| *section != name);
    }
    assert!(
        sections.is_empty(),
        "the runbook explains alerts that are not there: {sections:?}"
    );
}

#[test]
fn the_generated_files_are_those_of_the_mixin() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let script = path("prometheus_grafana/mixin/generate.sh");
    tool(&script.display().to_string(), "jsonnet", [folder.path()]);
    for file in [
        "grafana.json",
        "docs/dashboard.svg",
        "prometheus_grafana/rules/recording.yml",
        "prometheus_grafana/rules/alerts.yml",
        "kubernetes/monitoring/dubboPrometheusRule.yaml",
        "kubernetes/monitoring/dubboDashboard.yaml",
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
    assert_eq!(rule["spec"]["groups"], Value::Array(groups));

    let map = yaml("kubernetes/monitoring/dubboDashboard.yaml");
    let dashboard = map["data"]["dubbo.json"]
        .as_str()
        .expect("the map holds a text");
    let dashboard: Value = serde_json::from_str(dashboard).expect("the text is JSON");
    assert_eq!(dashboard, json("grafana.json"));
}
