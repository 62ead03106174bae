//! What `_config` promises holds.

use serde_json::Value;
use stack::{list, string, text};
use test_servers::PrometheusVersion;

use crate::made::Made;

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
    // One version is enough: both evaluate the same rules in other tests.
    for test in ["families", "occurrences"] {
        let test = text(&format!("prometheus_grafana/rules/tests/{test}.test.yml"));
        made.promtool(&[PrometheusVersion::Installed], &test);
    }
}
