//! Options that make no sense.

use std::process::Command;

use stack::{text, tool};

use crate::mixin;

/// Options that make no sense, each with the name of the option that the mistake is about.
const WRONG: [(&str, &str); 32] = [
    ("languages", "[]"),
    ("languages", "['rust', 'python']"),
    ("languages", "'rust'"),
    ("clusterLabels", "'cluster'"),
    ("clusterLabels", "['a-b']"),
    ("clusterLabels", "['job']"),
    ("dubboSelector", "'shop'"),
    ("dubboSelector", "'{tier=\"web\"}'"),
    ("processes", "''"),
    ("availabilityObjective", "99.9"),
    ("availabilityObjective", "1"),
    ("latencyObjective", "'0.99'"),
    ("latencySeconds", "0.25"),
    ("latencySeconds", "'0.3'"),
    ("latencySeconds", "'250ms'"),
    ("javaLatencySeconds", "'0.25'"),
    ("objectives", "[{ availability: 0.9 }]"),
    ("objectives", "[{ interface: 'a', availabilty: 0.9 }]"),
    ("objectives", "[{ interface: 'a', latency: 95 }]"),
    ("longCalls", "[{ interface: 'a' }]"),
    ("minimumCalls", "-1"),
    ("burnRates", "[]"),
    (
        "burnRates",
        "[{ severity: 'page', long: '5m', short: '1h', factor: 2, pending: '1m' }]",
    ),
    ("businessErrorRatio", "5"),
    ("attemptsRatio", "0.2"),
    ("staleSeconds", "'2m'"),
    ("parts", "0"),
    ("rateWindow", "'5min'"),
    ("rateWindow", "'1w'"),
    ("goneWithin", "3600"),
    ("grafanaURL", "'https://grafana.example.com/'"),
    ("runbookURLPattern", "'https://example.com/runbook'"),
];

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    let wrong = WRONG.map(|(option, value)| format!("{{ {option}: {value} }}"));
    let folder = mixin();
    let expression = format!(
        "local right = (import '{folder}/config.libsonnet')._config; [(import '{folder}/checks.libsonnet')(right + wrong) for wrong in [{{}}, {}]]",
        wrong.join(", "),
        folder = folder.display()
    );
    let said: Vec<Vec<String>> =
        serde_json::from_str(&tool("jsonnet", "jsonnet", ["-e", &expression]))
            .expect("lists of texts");
    assert_eq!(said[0], [""; 0], "the mixin's own options");
    for ((option, value), said) in WRONG.iter().zip(&said[1..]) {
        let [said] = said.as_slice() else {
            panic!("{option}: {value} should be one mistake: {said:?}");
        };
        assert!(
            said.starts_with(&format!("_config.{option} should be ")),
            "{option}: {value}: {said}"
        );
    }
    // Whatever is asked of the mixin then is that error.
    for field in ["prometheusRules", "prometheusAlerts", "grafanaDashboards"] {
        let expression = format!(
            "((import '{}/mixin.libsonnet') + {{ _config+:: {{ rateWindow: '5min', languages: [] }} }}).{field}",
            folder.display()
        );
        let output = Command::new("jsonnet")
            .args(["-e", &expression])
            .output()
            .expect("jsonnet runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{field}");
        for option in ["rateWindow", "languages"] {
            assert!(error.contains(&format!("_config.{option}")), "{error}");
        }
    }
}

/// The bounds that the processes have unless they are told otherwise.
#[test]
fn bounds_are_those_of_the_processes() {
    let readme = text("README.md");
    let row = readme
        .lines()
        .find(|line| line.starts_with("| `--metrics-buckets` |"))
        .expect("the option is in the README's table");
    let bounds: Vec<String> = row
        .split('`')
        .nth(3)
        .unwrap_or_default()
        .split(',')
        .map(|bound| {
            let unit = bound.trim_start_matches(|one: char| one.is_ascii_digit());
            let number: f64 = bound[..bound.len() - unit.len()].parse().expect("a number");
            let factor = match unit {
                "us" => 1e6,
                "ms" => 1e3,
                _ => 1.0,
            };
            (number / factor).to_string()
        })
        .collect();
    let expression = format!(
        "(import '{}/config.libsonnet')._config.bounds",
        mixin().display()
    );
    let said: Vec<String> = serde_json::from_str(&tool("jsonnet", "jsonnet", ["-e", &expression]))
        .expect("a list of texts");
    assert_eq!(said, bounds);
}
