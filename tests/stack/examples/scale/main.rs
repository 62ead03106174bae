//! What rules and dashboard cost Prometheus when there are many methods and instances:
//! `cargo run -p stack --example scale [METHODS [INSTANCES [PARTS]]]`, 1,000, 20 and 8 unless others are given; the last is `_config.parts` of
//! the mixin. Needs Prometheus, promtool, jsonnet and curl, and for 1,000 methods on 20 instances some 4 GB of disk.
//!
//! The series are synthetic, written by `promtool tsdb create-blocks-from openmetrics`. Each rule is evaluated once, at the end of a quarter of
//! an hour, after those that it stands on, whose answers become series in their turn; then each query of the dashboard is asked as Grafana asks
//! it. Seconds of the processor are those of the server's process, since a machine may have something else to do.

mod database;
mod series;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};

use database::{Cost, Database};
use serde_json::Value;
use stack::{Dashboard, json, list, path, string};

/// A rule, and the group that it is in.
#[derive(Debug)]
struct Rule {
    group: String,
    record: Option<String>,
    labels: BTreeMap<String, String>,
    expr: String,
}

/// Returns the rules in so many parts.
fn rules(parts: usize) -> Vec<Rule> {
    let mixin = path("prometheus_grafana/mixin/mixin.libsonnet");
    let mixin = mixin.canonicalize().expect("the mixin is there");
    ["prometheusRules", "prometheusAlerts"]
        .iter()
        .flat_map(|which| {
            let expression = format!(
                "((import '{}') + {{ _config+:: {{ parts: {parts} }} }}).{which}",
                mixin.display()
            );
            let output = std::process::Command::new("jsonnet")
                .args(["-e", &expression])
                .output()
                .expect("jsonnet can be started");
            let file: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
            list(&file["groups"]).to_vec()
        })
        .flat_map(|group| {
            let name = string(&group["name"]).to_owned();
            let rules = list(&group["rules"]).to_vec();
            rules.into_iter().map(move |rule| Rule {
                group: name.clone(),
                record: rule["record"].as_str().map(str::to_owned),
                labels: rule["labels"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), string(value).to_owned()))
                    .collect(),
                expr: string(&rule["expr"]).to_owned(),
            })
        })
        .collect()
}

/// Returns whether an expression reads a recorded series.
fn reads(expr: &str, record: &str) -> bool {
    expr.match_indices(record).any(|(at, _)| {
        let next = expr[at + record.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_' || next == ':')
    })
}

fn main() -> io::Result<()> {
    let mut numbers = std::env::args()
        .skip(1)
        .map(|number| number.parse::<usize>().expect("a number is asked for"));
    let methods = numbers.next().unwrap_or(1000);
    let instances = numbers.next().unwrap_or(20);
    let parts = numbers.next().unwrap_or(8);
    let mut out = io::stdout().lock();

    let mut database = Database::new()?;
    let series = database.fill(|file| series::raw(file, methods, instances))?;
    writeln!(
        out,
        "{methods} methods on {instances} instances: {series} series; rules in {parts} parts"
    )?;

    let mut groups: BTreeMap<String, Vec<(Cost, String)>> = BTreeMap::new();
    let mut left = rules(parts);
    while !left.is_empty() {
        database.start();
        // Those that stand on nothing that is still to be recorded, by another rule.
        let awaited: BTreeSet<_> = left.iter().filter_map(|rule| rule.record.clone()).collect();
        let (ready, waiting): (Vec<_>, Vec<_>) = left.into_iter().partition(|rule| {
            !awaited
                .iter()
                .any(|record| rule.record.as_ref() != Some(record) && reads(&rule.expr, record))
        });
        assert!(!ready.is_empty(), "rules stand on each other: {waiting:?}");
        let mut answers = Vec::new();
        for rule in ready {
            let (cost, answer) = database.evaluate(&rule.expr);
            let name = rule.record.clone().unwrap_or_else(|| "an alert".to_owned());
            groups.entry(rule.group).or_default().push((cost, name));
            if let Some(record) = rule.record {
                answers.push((record, rule.labels, answer));
            }
        }
        left = waiting;
        // By length, since promtool reads all of its input again for each two hours of it.
        let (long, short): (Vec<_>, Vec<_>) = answers.into_iter().partition(series::is_long);
        for answers in [long, short] {
            if !answers.is_empty() {
                database.fill(|file| series::recorded(file, &answers))?;
            }
        }
    }
    database.start();

    writeln!(
        out,
        "\n| Group of rules | Rules | Processor | Slowest rule |"
    )?;
    writeln!(out, "|---|---|---|---|")?;
    // Of a group in parts, the part that takes longest.
    let mut slowest: BTreeMap<&str, &Vec<(Cost, String)>> = BTreeMap::new();
    for (group, costs) in &groups {
        let name = group.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit());
        let known = slowest.entry(name).or_insert(costs);
        if sum(costs) > sum(known) {
            *known = costs;
        }
    }
    for (group, costs) in slowest {
        report(&mut out, group, costs)?;
    }
    writeln!(
        out,
        "\n| Part of the dashboard | Queries | Processor | Slowest query |"
    )?;
    writeln!(out, "|---|---|---|---|")?;
    let content = json("grafana.json");
    let (variables, busiest) = variables(&mut database, &content);
    let dashboard = Dashboard::with(&[("busiest", &busiest)], "2m", "15m");
    let mut parts = vec![("as it opens".to_owned(), variables)];
    let mut ask = |panel: &Value| -> Vec<(Cost, String)> {
        let targets = list(&panel["targets"]).iter();
        targets
            .map(|target| {
                let place = format!("{} {}", string(&panel["title"]), string(&target["refId"]));
                let step = (target["instant"] != true).then_some(15);
                let query = dashboard.query(&format!("panel {place}"));
                (database.ask(query, step).0, place)
            })
            .collect()
    };
    for panel in list(&content["panels"]) {
        // Folded rows ask when they are opened.
        if panel["collapsed"] == true {
            let inside = list(&panel["panels"]).iter().flat_map(&mut ask).collect();
            parts.push((format!("row {}", string(&panel["title"])), inside));
        } else {
            parts[0].1.extend(ask(panel));
        }
    }
    for (part, costs) in &parts {
        report(&mut out, part, costs)?;
    }
    Ok(())
}

/// Asks for the values of the variables, and returns what each cost, and those of the busiest methods as Grafana puts them into a query.
fn variables(database: &mut Database, content: &Value) -> (Vec<(Cost, String)>, String) {
    let everything = Dashboard::new("2m", "15m");
    let mut costs = Vec::new();
    let mut busiest = Vec::new();
    for variable in list(&content["templating"]["list"]) {
        let name = string(&variable["name"]);
        if variable["type"] != "query" {
            continue;
        }
        let query = everything.query(&format!("variable {name}"));
        let cost = match query.strip_prefix("count by (") {
            Some(values) => {
                let (label, selector) = values.split_once(") (").expect("it names a label");
                database.values(label, selector.trim_end_matches(')'))
            }
            None => {
                let (cost, answer) = database.ask(query, None);
                for sample in list(&answer) {
                    busiest.push(string(&sample["metric"]["method"]).to_owned());
                }
                cost
            }
        };
        costs.push((cost, format!("variable {name}")));
    }
    assert!(!busiest.is_empty(), "methods are called");
    (costs, format!("({})", busiest.join("|")))
}

fn sum(costs: &[(Cost, String)]) -> f64 {
    costs.iter().map(|(cost, _)| cost.processor).sum()
}

fn report(out: &mut impl io::Write, name: &str, costs: &[(Cost, String)]) -> io::Result<()> {
    let all = sum(costs);
    let slowest = costs
        .iter()
        .max_by(|a, b| a.0.processor.total_cmp(&b.0.processor));
    let slowest = slowest.map_or_else(String::new, |(cost, name)| {
        format!("`{name}` {:.2} s", cost.processor)
    });
    writeln!(out, "| {name} | {} | {all:.2} s | {slowest} |", costs.len())
}
