//! The dashboard's structure: the rules of Grafana's dashboard linter as checks, ids, the grid, and one data source variable.
//!
//! Its types are checked against Grafana's own by `tests/stack/schemas`, its queries on a real Prometheus by `live`.

use std::collections::BTreeSet;

use serde_json::Value;
use stack::{all_panels, expressions, json, list, string};

fn rows(dashboard: &Value) -> impl Iterator<Item = &Value> {
    all_panels(dashboard).filter(|panel| panel["type"] == "row")
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    all_panels(dashboard).filter(|panel| panel["type"] != "row")
}

fn variable<'a>(dashboard: &'a Value, name: &str) -> &'a Value {
    let variables = list(&dashboard["templating"]["list"]);
    variables
        .iter()
        .find(|variable| variable["name"] == name)
        .unwrap_or_else(|| panic!("no variable {name}"))
}

#[test]
fn the_data_source_is_a_variable_everywhere_and_nothing_is_asked_for_at_import() {
    let dashboard = json("grafana.json");
    assert!(
        dashboard.get("__inputs").is_none(),
        "a file with inputs can't be provisioned"
    );
    assert!(
        dashboard.get("id").is_none(),
        "an id belongs to one installation"
    );
    let source = variable(&dashboard, "datasource");
    assert_eq!(
        (string(&source["type"]), string(&source["query"])),
        ("datasource", "prometheus")
    );
    let variables = list(&dashboard["templating"]["list"])
        .iter()
        .filter(|variable| variable["type"] == "query");
    let annotations = list(&dashboard["annotations"]["list"]).iter();
    let targets = panels(&dashboard).flat_map(|panel| list(&panel["targets"]));
    for one in panels(&dashboard)
        .chain(targets)
        .chain(variables)
        .chain(annotations)
    {
        assert_eq!(one["datasource"]["uid"], "${datasource}", "{one}");
        assert_eq!(one["datasource"]["type"], "prometheus", "{one}");
    }
}

#[test]
fn variables_take_all_by_default_and_follow_the_time_range() {
    let dashboard = json("grafana.json");
    for name in [
        "cluster",
        "namespace",
        "job",
        "application",
        "instance",
        "interface",
        "group",
        "version",
        "method",
    ] {
        let variable = variable(&dashboard, name);
        assert!(
            !string(&variable["label"]).is_empty(),
            "{name} should have a label"
        );
        assert_eq!(
            variable["refresh"], 2,
            "{name} should be refreshed when the time range changes"
        );
        assert_eq!(variable["multi"], true, "{name}");
        assert_eq!(variable["includeAll"], true, "{name}");
        assert_eq!(variable["current"]["value"], "$__all", "{name}");
        assert_eq!(
            variable["allValue"], ".*",
            "{name} should match series without the label too"
        );
    }
}

#[test]
fn every_panel_has_a_title_a_description_a_unit_and_queries() {
    let dashboard = json("grafana.json");
    let mut titles = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = string(&panel["title"]);
        assert!(titles.insert(title), "{title:?} is there twice, or empty");
        assert!(
            string(&panel["description"]).ends_with('.'),
            "{title} should have a description of whole sentences"
        );
        assert!(
            !string(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(),
            "{title} has no unit"
        );
        assert!(!list(&panel["targets"]).is_empty(), "{title} has no query");
        let ids: BTreeSet<_> = list(&panel["targets"])
            .iter()
            .map(|target| string(&target["refId"]))
            .collect();
        assert_eq!(
            ids.len(),
            list(&panel["targets"]).len(),
            "{title}: the queries should have names of their own"
        );
    }
    assert!(titles.len() > 30, "{} panels", titles.len());
    assert_eq!(rows(&dashboard).count(), 10);
    let folded = rows(&dashboard).filter(|row| row["collapsed"] == true);
    assert_eq!(folded.count(), 7, "details are folded");
    assert_eq!(dashboard["editable"], false);
}

#[test]
fn ids_are_unique_and_nothing_overlaps() {
    let dashboard = json("grafana.json");
    let all: Vec<_> = all_panels(&dashboard).collect();
    let ids: BTreeSet<_> = all.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), all.len());
    let mut taken = BTreeSet::new();
    for panel in all {
        let place = |side: &str| {
            panel["gridPos"][side]
                .as_u64()
                .expect("a place is a number")
        };
        assert!(
            place("x") + place("w") <= 24,
            "{} does not fit into 24 columns",
            panel["title"]
        );
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(
                    taken.insert((x, y)),
                    "{} overlaps another panel at {x}, {y}",
                    panel["title"]
                );
            }
        }
    }
}

#[test]
fn every_query_is_filtered_by_job_and_instance() {
    for (place, query) in expressions() {
        if place == "variable busiest" {
            // These are some of the chosen methods: what asks for them needs not ask for the chosen ones too.
            assert!(query.contains("method=~\"$method\""), "{query}");
        }
        if place.starts_with("variable ") {
            continue;
        }
        assert!(
            query.contains("cluster=~\"$cluster\",namespace=~\"$namespace\""),
            "{place}: {query}"
        );
        // Series of all instances together have no instance.
        let together = ["_budget{", ":p99{", "ALERTS{", "dubbo:cleaner_"]
            .iter()
            .any(|name| query.contains(name));
        assert!(
            together
                || (query.contains("job=~\"$job\"") && query.contains("instance=~\"$instance\"")),
            "{place}: {query}"
        );
        if ["dubbo_provider_", "dubbo_consumer_"]
            .iter()
            .any(|side| query.contains(side))
            // Ejections are those of whole providers.
            && !query.contains("dubbo_consumer_eject")
        {
            let filtered = ["method", "busiest"].iter().any(|methods| {
                query.contains(&format!("interface=~\"$interface\",method=~\"${methods}\""))
            });
            assert!(filtered, "{place}: {query}");
        }
    }
}

/// Counters since the start of a process are shown where the panel says so; in the linter's eyes Dubbo's gauges, whose names end in `_total`
/// too, are counters.
#[test]
fn counters_are_shown_as_rates_unless_the_panel_says_otherwise() {
    let dashboard = json("grafana.json");
    for panel in panels(&dashboard) {
        let since_start = string(&panel["description"]).contains("since the start of each process")
            || string(&panel["description"]).contains("Since the start of each process");
        for target in list(&panel["targets"]) {
            let query = string(&target["expr"]);
            let counter = [
                "_requests_total{",
                "_failed_total{",
                "_succeed_total{",
                "attempts_total{",
                "errors_total{",
                "seconds_total{",
                "folded_total{",
                "sessions_total{",
            ]
            .iter()
            .any(|name| query.contains(name));
            assert!(
                !counter || since_start || query.contains("rate(") || query.contains("increase("),
                "{}: {query}",
                panel["title"]
            );
        }
    }
}

/// Panels that read what processes export, and why; all else is recorded series, which are the same of all languages.
const RAW: [(&[&str], &str); 4] = [
    (
        &[
            "Provider statistics",
            "Consumer statistics",
            "Errors by code",
        ],
        "counts to the last call are differences of counters",
    ),
    (
        &["P99", "response time", "response times"],
        "buckets of single instances are too many to be recorded",
    ),
    (&["Processes over time"], "`up` is Prometheus's own"),
    (&["Firing alerts"], "`ALERTS` is Prometheus's own"),
];

#[test]
fn dashboards_stand_on_recorded_series() {
    for (place, query) in expressions() {
        // Grafana asks for a label's values with it.
        let read = match query.strip_prefix("label_values(") {
            Some(asked) => asked.rsplit_once(", ").map_or("", |(read, _)| read),
            None => &query,
        };
        let raw = stack::families(read);
        let may = |(panels, _): &(&[&str], &str)| {
            panels.iter().any(|panel| {
                ["panel ", "panel Provider ", "panel Consumer "]
                    .iter()
                    .any(|side| place.starts_with(&format!("{side}{panel} ")))
            })
        };
        assert!(
            raw.is_empty() || RAW.iter().any(may),
            "{place} reads {raw:?}: {query}"
        );
        // Of all instances, they read what is recorded.
        if query.contains("_bucket{") {
            assert!(
                query.ends_with(" @ 0") || query.contains(",none!~\"$job$instance\"}"),
                "{place}: {query}"
            );
        }
    }
}

#[test]
fn rates_look_back_as_far_as_grafana_says() {
    for (place, query) in expressions() {
        for range in query
            .split('[')
            .skip(1)
            .map(|rest| rest.split(']').next().unwrap_or_default())
        {
            assert!(
                ["$__rate_interval", "$__range"].contains(&range),
                "{place}: [{range}] in {query}"
            );
        }
    }
}

#[test]
fn quantiles_come_from_histograms_and_not_from_gauges_of_quantiles() {
    for (place, query) in expressions() {
        assert!(
            !query.contains("rt_milliseconds_p"),
            "{place}: quantiles of several instances can't be combined: {query}"
        );
        if query.contains("histogram_quantile") {
            assert!(query.contains("sum by (le"), "{place}: {query}");
        }
    }
}

#[test]
fn one_side_can_be_chosen() {
    let dashboard = json("grafana.json");
    let side = variable(&dashboard, "side");
    assert_eq!(
        (string(&side["type"]), string(&side["query"])),
        ("custom", "provider,consumer")
    );
    assert_eq!(side["allValue"], ".*");
}

#[test]
fn heatmaps_and_quantiles_show_exemplars() {
    let dashboard = json("grafana.json");
    let with_exemplars = panels(&dashboard)
        .filter(|panel| {
            list(&panel["targets"])
                .iter()
                .any(|target| target["exemplar"] == true)
        })
        .map(|panel| string(&panel["title"]))
        .collect::<BTreeSet<_>>();
    for title in ["response time", "response times"] {
        for side in ["Provider", "Consumer"] {
            let title = format!("{side} {title}");
            assert!(with_exemplars.contains(title.as_str()), "{title}");
        }
    }
}

/// A missing side is no zero, and no red one.
#[test]
fn a_side_that_is_not_there_is_said_to_be_missing() {
    let dashboard = json("grafana.json");
    for side in ["Provider", "Consumer"] {
        for what in ["QPS", "success rate"] {
            let title = format!("{side} {what}");
            let panel = panels(&dashboard).find(|panel| panel["title"] == title.as_str());
            let panel = panel.unwrap_or_else(|| panic!("no panel {title}"));
            let text = format!("no {}", side.to_lowercase());
            assert_eq!(panel["fieldConfig"]["defaults"]["noValue"], text.as_str());
        }
    }
}

#[test]
fn tables_are_sorted_and_have_no_rows_of_zeros() {
    let dashboard = json("grafana.json");
    for panel in panels(&dashboard).filter(|panel| panel["type"] == "table") {
        let title = string(&panel["title"]);
        for target in list(&panel["targets"]) {
            let query = string(&target["expr"]);
            assert!(
                query.contains("> 0")
                    || ["Failing calls", "Firing alerts", "Slowest methods"].contains(&title),
                "{title}: {query}"
            );
        }
        let sorted = !list(&panel["options"]["sortBy"]).is_empty();
        assert!(sorted, "{title} is not sorted");
    }
}
