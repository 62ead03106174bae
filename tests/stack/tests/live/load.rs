//! Rates and quantiles under a steady load, and every other query.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use e2e::Program;
use stack::Dashboard;
use test_servers::{LONG, PrometheusVersion, eventually};
use tokio::time::Instant;

use crate::stack::{Families, Mode, Stack};

#[tokio::test]
async fn every_query_answers_under_load_by_push() {
    every_query_answers_under_load(Mode::Push, Families::All).await;
}

#[tokio::test]
async fn every_query_answers_under_load_by_pull() {
    every_query_answers_under_load(Mode::Pull, Families::All).await;
}

// Lean processes with classic buckets are in `totals`.
#[tokio::test]
async fn every_query_answers_under_load_of_lean_processes_with_native_histograms() {
    every_query_answers_under_load(Mode::Pull, Families::LeanNative).await;
}

/// What a client did by its own output, one line for each call: the measure of the rates.
#[derive(Debug)]
struct Driven(Vec<(Instant, usize)>);

impl Driven {
    /// Looks at the client's output.
    fn look(&mut self, client: &Program) {
        self.0
            .push((Instant::now(), client.stdout().lines().count()));
    }

    /// Returns the calls per second over the last `time`, or nothing before it has been watched for so long.
    fn rate(&self, time: Duration) -> Option<f64> {
        let (end, last) = self.0.last()?;
        let (start, first) = self.0.iter().rev().find(|(at, _)| *at + time <= *end)?;
        Some((last - first) as f64 / (*end - *start).as_secs_f64())
    }
}

/// Returns whether two rates are within 10 % of each other.
fn close(shown: Option<f64>, driven: Option<f64>) -> bool {
    shown
        .zip(driven)
        .is_some_and(|(shown, driven)| (shown / driven - 1.0).abs() < 0.1)
}

async fn every_query_answers_under_load(mode: Mode, families: Families) {
    let stack = Stack::start(PrometheusVersion::Installed, mode, families).await;
    let window = "10s";
    let dashboard = Dashboard::new("20s", "1m");
    // Slow enough that even a busy machine does not move a call into the next bucket, from 1 to 2.5 s.
    let _servers = [
        stack.server(window, &["--delay", "1200ms", "--error-rate", "0.3"]),
        stack.server(window, &["--delay", "1200ms"]),
    ];
    let mut command = Program::client(&stack.zookeeper.address());
    command.args(["--interval", "20ms", "--concurrency", "30"]);
    let client = stack.exported(command, window);

    let mut driven = Driven(Vec::new());
    eventually(2 * LONG, "rates as driven", async || {
        driven.look(&client);
        let mut wrong = Vec::new();
        for side in ["Provider", "Consumer"] {
            let qps = dashboard
                .value(&stack.prometheus, &format!("panel {side} QPS A"))
                .await;
            let requests = dashboard
                .value(&stack.prometheus, &format!("panel {side} requests A"))
                .await;
            // A figure is a second old when it is asked for: the interval of scrapes.
            for (shown, time) in [(qps, 11), (requests, 21)] {
                let driven = driven.rate(Duration::from_secs(time));
                if !close(shown, driven) {
                    wrong.push(format!(
                        "{side}: {shown:?} over {time} s, driven {driven:?}"
                    ));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    })
    .await;
    for side in ["Provider", "Consumer"] {
        let within = async |place: &str, range: RangeInclusive<f64>| {
            let place = format!("panel {side} {place} A");
            eventually(LONG, &format!("{place} in {range:?}"), async || {
                let value = dashboard.value(&stack.prometheus, &place).await;
                if value.is_some_and(|value| range.contains(&value)) {
                    Ok(())
                } else {
                    Err(value)
                }
            })
            .await;
        };
        within("P99", 1.0..=2.5).await;
        within("error rate", 0.01..=0.5).await;
        within("success rate", 0.5..=0.99).await;
    }

    // The windows of the objectives are counted in steps of a minute.
    eventually(4 * LONG, "data in every panel", async || {
        let mut silent = BTreeSet::new();
        for place in dashboard.places() {
            let samples = dashboard.ask(&stack.prometheus, place).await;
            // Alerts need not fire, there are no clusters here, and a process in pull mode pushes nothing.
            // Nothing is stale or cleaned, nothing stops, and not every kind of error happens.
            let kinds = place.contains(" statistics ") && !place.ends_with(" A");
            // Exemplars are asked for with queries that answer nothing.
            let may_be_empty = kinds
                || dashboard.query(place).ends_with(" @ 0")
                || [
                    "panel Firing alerts",
                    "panel Stale groups",
                    "panel Last pass of the cleaner",
                    "panel Cleaner",
                    "annotation Stops",
                    "annotation Deployments",
                ]
                .iter()
                .any(|silent| place.starts_with(silent))
                || ["variable cluster", "variable namespace"].contains(&place)
                || (mode == Mode::Pull && place == "panel Pushes A");
            if (samples.is_empty() && !may_be_empty)
                || samples.iter().any(|sample| !sample.value.is_finite())
            {
                silent.insert(format!("{place}: {samples:?}"));
            }
        }
        if silent.is_empty() {
            Ok(())
        } else {
            Err(silent)
        }
    })
    .await;
    if mode == Mode::Push {
        for selector in stack::own_selectors() {
            let samples = stack.prometheus.query(&selector).await;
            assert!(
                !samples.is_empty(),
                "the rules ask for {selector}, which no process exports"
            );
        }
    }
    is_right(&stack, &dashboard).await;
    let variable = async |name: &str, label: &str| -> BTreeSet<String> {
        let samples = dashboard
            .ask(&stack.prometheus, &format!("variable {name}"))
            .await;
        samples
            .iter()
            .map(|sample| sample.label(label).to_owned())
            .collect()
    };
    let jobs = match mode {
        Mode::Push => BTreeSet::from(["dubbo_client".to_owned(), "dubbo_server".to_owned()]),
        Mode::Pull => BTreeSet::from(["dubbo".to_owned()]),
    };
    assert_eq!(variable("job", "job").await, jobs);
    assert_eq!(variable("instance", "instance").await.len(), 3);
    assert_eq!(
        variable("interface", "interface").await,
        BTreeSet::from(["greet.GreetService".to_owned()])
    );
    // Ours and the one that unknown methods share.
    assert!(variable("method", "method").await.contains("Greet"));
}

/// Checks what the overview says against what the processes were told to do: one of two servers fails 30 % of its calls.
async fn is_right(stack: &Stack, dashboard: &Dashboard) {
    let ask = async |place: &str| dashboard.ask(&stack.prometheus, place).await;
    let failing = ask("panel Failing calls A").await;
    let providers: BTreeSet<_> = failing
        .iter()
        .filter(|sample| sample.label("side") == "provider")
        .map(|sample| (sample.label("instance"), sample.label("method")))
        .collect();
    assert_eq!(
        providers.len(),
        1,
        "only one instance fails, and one method: {failing:?}"
    );
    for sample in &failing {
        assert_eq!(sample.label("method"), "Greet", "{sample:?}");
        assert_eq!(sample.label("interface"), "greet.GreetService");
    }
    let by_instance = ask("panel Errors by instance A").await;
    let share = |instance: &str| {
        by_instance
            .iter()
            .find(|sample| {
                sample.label("side") == "provider" && sample.label("instance") == instance
            })
            .map(|sample| sample.value)
    };
    for instance in by_instance
        .iter()
        .filter(|sample| sample.label("side") == "provider")
        .map(|sample| sample.label("instance"))
    {
        let fails = providers.iter().any(|(failing, _)| *failing == instance);
        let share = share(instance).expect("it was just there");
        assert!(
            if fails {
                share > 0.1 && share < 0.5
            } else {
                share == 0.0
            },
            "{instance}: {share}"
        );
    }
    for sample in ask("panel Mean response time by instance A").await {
        // The failing calls answer at once, before the delay.
        assert!(sample.value > 0.5 && sample.value < 2.5, "{sample:?}");
    }
    for sample in ask("panel Age of the figures A").await {
        assert!(sample.value < 20.0, "{sample:?}");
    }
    for place in ["panel CPU A", "panel Memory A", "annotation Starts"] {
        let instances: BTreeSet<_> = ask(place)
            .await
            .iter()
            .map(|sample| sample.label("instance").to_owned())
            .collect();
        assert_eq!(instances.len(), 3, "{place}: only ours: {instances:?}");
    }
    let one = async |place: &str| dashboard.value(&stack.prometheus, place).await;
    assert_eq!(one("panel Processes A").await, Some(3.0));
    assert_eq!(one("panel Providers A").await, Some(2.0));
}
