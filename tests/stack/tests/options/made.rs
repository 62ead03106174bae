//! What the mixin makes with some options.

use std::sync::LazyLock;

use serde_json::{Value, json};
use stack::{list, tool};
use tempfile::TempDir;
use test_servers::PrometheusVersion;

use crate::mixin;

/// The options that are tried, by name: jsonnet takes seconds for each, and all of them at once.
const OPTIONS: &str = "{
  chosen: {
    clusterLabels: ['region'],
    dubboSelector: 'tier=\"web\"',
    languages: ['rust'],
    ignoredInterfaces: 'internal[.].+',
    processes: 'job=\"shops\"',
    availabilityObjective: 0.99,
    latencySeconds: '0.5',
    objectives: [{ interface: 'shop.Orders', availability: 0.5 }, { interface: 'shop.Orders', method: 'Export', latency: 0.25 }],
    longCalls: [{ interface: 'chat[.]Room', method: 'Listen|Talk' }, { interface: 'feed[.].+', method: '.*' }],
    burnRates: [
      { severity: 'page', long: '40m', short: '10m', factor: 2, pending: '1m' },
      { severity: 'note', long: '2h', short: '20m', factor: 30, pending: '1m' },
    ],
    inFlightLimit: 100,
    batchApplications: 'nightly-.+',
    grafanaURL: 'https://grafana.example.com',
    runbookURLPattern: 'https://example.com/a%20b/%s',
  },
  go: { languages: ['go'], clusterLabels: [] },
  java: { languages: ['java'], clusterLabels: [] },
  parts: { parts: 3 },
}";

static ALL: LazyLock<Value> = LazyLock::new(|| {
    let expression = format!(
        "local options = {OPTIONS}; {{ [name]: (local made = (import '{}') + {{ _config+:: options[name] }}; [made.prometheusRules, made.prometheusAlerts, if name == 'parts' then {{}} else made.grafanaDashboards['dubbo.json']]) for name in std.objectFields(options) }}",
        mixin().join("mixin.libsonnet").display()
    );
    serde_json::from_str(&tool("jsonnet", "jsonnet", ["-e", &expression])).expect("it is JSON")
});

/// Rules and dashboard with some options, in a folder laid out as that of the rules is.
#[derive(Debug)]
pub(crate) struct Made {
    folder: TempDir,
    pub(crate) alerts: &'static Value,
    pub(crate) dashboard: &'static Value,
}

impl Made {
    pub(crate) fn with(options: &str) -> Self {
        let [recording, alerts, dashboard] = list(&ALL[options]) else {
            panic!("{options} are not among the options");
        };
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        std::fs::create_dir(folder.path().join("tests")).expect("the folder is ours");
        for (file, rules) in [("recording.yml", recording), ("alerts.yml", alerts)] {
            std::fs::write(folder.path().join(file), rules.to_string())
                .expect("the folder is ours");
        }
        Self {
            folder,
            alerts,
            dashboard,
        }
    }

    pub(crate) fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).expect("it was written just now")
    }

    /// Runs `promtool test rules` of these versions on a test of ours.
    pub(crate) fn promtool(&self, versions: &[PrometheusVersion], test: &str) {
        let file = self.folder.path().join("tests/one.test.yml");
        std::fs::write(&file, test).expect("the folder is ours");
        for version in versions {
            let program = version.program("promtool").display().to_string();
            let file = file.display().to_string();
            tool(&program, "prometheus", ["test", "rules", &file]);
        }
    }

    /// Evaluates the rules on these series each minute, and compares what queries answer after so many minutes.
    pub(crate) fn answers(
        &self,
        minutes: u32,
        series: &[(String, String)],
        queries: &[(&str, &[(&str, f64)])],
    ) {
        let series: Vec<_> = series
            .iter()
            .map(|(series, values)| json!({ "series": series, "values": values }))
            .collect();
        let queries: Vec<_> = queries
            .iter()
            .map(|(query, samples)| {
                let samples: Vec<_> = samples
                    .iter()
                    .map(|(labels, value)| json!({ "labels": labels, "value": value }))
                    .collect();
                json!({ "expr": query, "eval_time": format!("{minutes}m"), "exp_samples": samples })
            })
            .collect();
        let test = json!({
            "rule_files": ["../recording.yml", "../alerts.yml"],
            "evaluation_interval": "1m",
            "tests": [{ "interval": "1m", "input_series": series, "promql_expr_test": queries }],
        });
        self.promtool(&PrometheusVersion::all(), &test.to_string());
    }
}
