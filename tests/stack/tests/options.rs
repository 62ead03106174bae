//! The mixin with other options than its own: what `_config` promises holds in the rules and in the dashboard, and what makes no sense is refused. And
//! the mixin in the project of somebody else, as its README says.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use stack::{list, path, string, text, tool};
use tempfile::TempDir;
use test_servers::PrometheusVersion;

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

fn mixin() -> std::path::PathBuf {
    let mixin = path("prometheus_grafana/mixin");
    mixin.canonicalize().expect("the mixin is there")
}

/// Rules and dashboard with some options, in a folder laid out as that of the rules is.
#[derive(Debug)]
struct Made {
    folder: TempDir,
    alerts: &'static Value,
    dashboard: &'static Value,
}

impl Made {
    fn with(options: &str) -> Self {
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

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).expect("it was written just now")
    }

    /// Runs `promtool test rules` on a test of ours.
    fn promtool(&self, test: &str) {
        let file = self.folder.path().join("tests/one.test.yml");
        std::fs::write(&file, test).expect("the folder is ours");
        for version in PrometheusVersion::all() {
            let program = version.program("promtool").display().to_string();
            let file = file.display().to_string();
            tool(&program, "prometheus", ["test", "rules", &file]);
        }
    }

    /// Evaluates the rules on these series each minute, and compares what queries answer after so many minutes.
    fn answers(
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
        self.promtool(&test.to_string());
    }
}

/// Calls of a method: how many in a minute, how many of them within 0.5 s, and how many are in flight.
fn calls(labels: &str, each_minute: u32, quick: u32, in_flight: u32) -> Vec<(String, String)> {
    let of = |family: &str, bound: &str| format!("dubbo_provider_{family}{{{labels}{bound}}}");
    let duration = "request_duration_seconds";
    vec![
        (of("requests_total", ""), format!("0+{each_minute}x70")),
        (
            of(&format!("{duration}_count"), ""),
            format!("0+{each_minute}x70"),
        ),
        (
            of(&format!("{duration}_bucket"), ", le=\"0.5\""),
            format!("0+{quick}x70"),
        ),
        // All of them: with the bound of another option none would be slow.
        (
            of(&format!("{duration}_bucket"), ", le=\"0.25\""),
            format!("0+{each_minute}x70"),
        ),
        (
            of("requests_processing_total", ""),
            format!("{in_flight}x70"),
        ),
    ]
}

fn method(application: &str, interface: &str, method: &str) -> String {
    format!(
        "tier=\"web\", region=\"north\", job=\"shops\", instance=\"a\", application_name=\"{application}\", interface=\"{interface}\", method=\"{method}\""
    )
}

#[test]
fn long_calls_have_no_latency_objective_and_are_not_in_flight() {
    let mut series = Vec::new();
    for (application, interface, name, quick, in_flight) in [
        ("chat", "chat.Room", "Listen", 0, 1000),
        ("chat", "chat.Room", "Talk", 0, 1000),
        ("news", "feed.News", "Follow", 0, 1000),
        ("chat", "chat.Room", "Join", 90, 50),
        ("shop", "shop.Orders", "Listen", 90, 150),
    ] {
        let labels = method(application, interface, name);
        series.extend(calls(&labels, 100, quick, in_flight));
    }
    Made::with("chosen").answers(
        20,
        &series,
        &[
            (
                "sum by (interface) (round(dubbo:latency_missed:ratio10m, 0.001))",
                &[
                    ("{interface=\"chat.Room\"}", 0.1),
                    ("{interface=\"shop.Orders\"}", 0.1),
                ],
            ),
            // They are calls all the same, which are answered or not.
            (
                "count by (interface) (dubbo:availability_missed:ratio10m)",
                &[
                    ("{interface=\"chat.Room\"}", 1.0),
                    ("{interface=\"feed.News\"}", 1.0),
                    ("{interface=\"shop.Orders\"}", 1.0),
                ],
            ),
            (
                "count by (application_name) (ALERTS{alertname=\"DubboInFlightSaturation\"})",
                &[("{application_name=\"shop\"}", 1.0)],
            ),
        ],
    );
}

#[test]
fn calls_are_those_that_are_chosen_and_have_their_objectives() {
    let orders = method("shop", "shop.Orders", "Place");
    let stock = method("shop", "shop.Stock", "Count");
    let mut series = calls(&orders, 100, 100, 0);
    series.extend(calls(&stock, 100, 100, 0));
    series.extend(calls(&method("shop", "shop.Orders", "Export"), 100, 50, 0));
    series.extend(calls(
        &method("shop", "internal.Probe", "check"),
        100,
        100,
        0,
    ));
    series.extend(calls(&orders.replace("\"web\"", "\"batch\""), 900, 900, 0));
    for (labels, failed) in [(&orders, 30), (&stock, 5)] {
        series.push((
            format!("dubbo_provider_errors_total{{{labels}, error_type=\"unknown\", error_code=\"13\", error_name=\"INTERNAL\", fault=\"provider\"}}"),
            format!("0+{failed}x70"),
        ));
        series.push((
            format!("dubbo_provider_requests_failed_total{{{labels}}}"),
            format!("0+{failed}x70"),
        ));
    }
    series.push((
        "up{job=\"shops\", instance=\"a\"}".to_owned(),
        "1x10 0x60".to_owned(),
    ));
    series.push((
        "up{job=\"dubbo\", instance=\"a\"}".to_owned(),
        "1x10 0x60".to_owned(),
    ));
    Made::with("chosen").answers(
        60,
        &series,
        &[
            (
                "sum by (interface, method) (round(dubbo:method_requests:rate5m * 60))",
                &[
                    ("{interface=\"shop.Orders\", method=\"Export\"}", 100.0),
                    ("{interface=\"shop.Orders\", method=\"Place\"}", 100.0),
                    ("{interface=\"shop.Stock\", method=\"Count\"}", 100.0),
                ],
            ),
            (
                "sum by (interface) (round(dubbo:availability_budget{method=\"\"}, 0.0001))",
                &[
                    ("{interface=\"shop.Orders\"}", 0.5),
                    ("{interface=\"shop.Stock\"}", 0.01),
                ],
            ),
            (
                "sum by (method) (round(dubbo:latency_budget{interface=\"shop.Orders\"}, 0.0001))",
                &[("{method=\"Export\"}", 0.75), ("{}", 0.01)],
            ),
            // Five of a hundred are five budgets of 0.01, and thirty are less than one of 0.5; the other burn rate is not reached.
            (
                "sum by (interface, severity) (ALERTS{alertname=\"DubboAvailabilityBurn\", alertstate=\"firing\"})",
                &[("{interface=\"shop.Stock\", severity=\"page\"}", 1.0)],
            ),
            (
                "sum by (job) (ALERTS{alertname=\"DubboTargetDown\", alertstate=\"firing\"})",
                &[("{job=\"shops\"}", 1.0)],
            ),
        ],
    );
}

#[test]
fn applications_are_missed_in_their_cluster_unless_they_are_batch_jobs() {
    let info = |region: &str, application: &str| {
        format!(
            "dubbo_application_info_total{{tier=\"web\", region=\"{region}\", job=\"shops\", instance=\"{application}\", application_name=\"{application}\"}}"
        )
    };
    let gone = "1x20 stale".to_owned();
    Made::with("chosen").answers(
        30,
        &[
            (info("north", "shop"), gone.clone()),
            (info("south", "shop"), "1x40".to_owned()),
            (info("north", "nightly-report"), gone),
        ],
        &[(
            "count by (region, application_name) (ALERTS{alertname=\"DubboApplicationGone\", alertstate=\"firing\"})",
            &[("{region=\"north\", application_name=\"shop\"}", 1.0)],
        )],
    );
}

#[test]
fn labels_of_the_cluster_are_those_that_are_chosen() {
    let made = Made::with("chosen");
    for file in ["recording.yml", "alerts.yml"] {
        let rules = made.text(file);
        assert!(rules.contains("by (region"), "{file}");
        for other in ["namespace", "cluster"] {
            assert!(!rules.contains(other), "{file} says {other}");
        }
    }
    let dashboard = made.dashboard.to_string();
    assert!(dashboard.contains("region=~\\\"$region\\\""));
    assert!(!dashboard.contains("namespace"), "the dashboard");
    for options in ["go", "java"] {
        let dashboard = Made::with(options).dashboard.to_string();
        for broken in ["{,", ",,", ",}", "$cluster", "( ,", "(,"] {
            assert!(!dashboard.contains(broken), "{options}: {broken}");
        }
    }
}

#[test]
fn links_and_windows_are_those_that_are_chosen() {
    let made = Made::with("chosen");
    let groups = list(&made.alerts["groups"]).iter();
    let rules: Vec<_> = groups.flat_map(|group| list(&group["rules"])).collect();
    for alert in &rules {
        let name = string(&alert["alert"]);
        let links = &alert["annotations"];
        assert_eq!(
            string(&links["runbook_url"]),
            format!("https://example.com/a%20b/{}", name.to_lowercase())
        );
        assert!(
            string(&links["dashboard_url"]).starts_with("https://grafana.example.com/d/dubbo?"),
            "{name}"
        );
    }
    // What is left of a budget is that of the longest window, and of the shortest of the long ones as long as there is not more.
    let dashboard = made.dashboard.to_string();
    for window in ["_missed:ratio2h{", "_missed:ratio40m{"] {
        assert!(dashboard.contains(window), "{window}");
    }
    let recorded = made.text("recording.yml");
    for part in dashboard.split("_missed:").skip(1) {
        let window = part.split('{').next().unwrap_or_default();
        assert!(
            recorded.contains(&format!("_missed:{window}\"")),
            "no rule records {window}"
        );
    }
}

#[test]
fn rules_of_each_language_alone_are_sound() {
    let labels = "instance=\"a\", application_name=\"shop\", interface=\"Greet\", method=\"hello\"";
    for options in ["go", "java"] {
        Made::with(options).answers(
            20,
            &[
                (
                    format!("dubbo_provider_requests_total{{{labels}}}"),
                    "0+60x30".to_owned(),
                ),
                (
                    format!("dubbo_provider_requests_failed_total{{{labels}}}"),
                    "0+30x30".to_owned(),
                ),
            ],
            &[(
                "round(dubbo:availability_missed:ratio5m, 0.001)",
                &[(
                    "{side=\"provider\", application_name=\"shop\", interface=\"Greet\"}",
                    0.5,
                )],
            )],
        );
    }
}

/// The tests of the recorded series hold however many groups there are.
#[test]
fn rules_in_parts_record_the_same() {
    let made = Made::with("parts");
    let groups: Value = serde_json::from_str(&made.text("recording.yml")).expect("it is JSON");
    let groups = list(&groups["groups"])
        .iter()
        .map(|group| string(&group["name"]));
    let calls = groups.filter(|name| name.starts_with("dubbo-calls-"));
    assert_eq!(calls.count(), 6);
    for test in ["recording", "families", "occurrences"] {
        made.promtool(&text(&format!(
            "prometheus_grafana/rules/tests/{test}.test.yml"
        )));
    }
}

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

/// Copies the folder's own files: what `jb` takes is this folder, and nothing beside it.
fn vendor(target: &Path) {
    std::fs::create_dir_all(target).expect("the folder is ours");
    for file in std::fs::read_dir(mixin()).expect("the mixin is there") {
        let file = file.expect("it can be read");
        if file.file_type().expect("it has one").is_file() {
            std::fs::copy(file.path(), target.join(file.file_name())).expect("it can be copied");
        }
    }
}

#[test]
fn kube_prometheus_takes_the_mixin_as_the_readme_says() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    vendor(&folder.path().join("mixin"));
    // As much of kube-prometheus as takes a mixin.
    let theirs = folder.path().join("kube-prometheus");
    std::fs::create_dir_all(theirs.join("lib")).expect("the folder is ours");
    std::fs::write(
        theirs.join("main.libsonnet"),
        "{ values+:: { common: {}, grafana: { dashboards: { 'own.json': {} } } }, grafana: { dashboardDefinitions: $.values.grafana.dashboards } }",
    )
    .expect("the folder is ours");
    std::fs::write(
        theirs.join("lib/mixin.libsonnet"),
        "function(given) { prometheusRules: { metadata: { name: given.name }, spec: { groups: given.mixin.prometheusAlerts.groups + given.mixin.prometheusRules.groups } }, grafanaDashboards: given.mixin.grafanaDashboards }",
    )
    .expect("the folder is ours");
    let readme = text("prometheus_grafana/mixin/README.md");
    let example = readme
        .split("```jsonnet\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the README has an example");
    let file = folder.path().join("example.jsonnet");
    std::fs::write(&file, example).expect("the folder is ours");
    let folder = folder.path().display().to_string();
    let file = file.display().to_string();
    let made: Value = serde_json::from_str(&tool(
        "jsonnet",
        "jsonnet",
        ["-J", folder.as_str(), file.as_str()],
    ))
    .expect("it is JSON");
    let groups = list(&made["dubbo-rules"]["spec"]["groups"]);
    assert!(groups.len() > 15, "{} groups", groups.len());
    let dashboards = &made["grafana-dashboardDefinitions"];
    for name in ["own.json", "dubbo.json", "dubbo-runbook.json"] {
        assert!(dashboards[name].is_object(), "{name}");
    }
}
