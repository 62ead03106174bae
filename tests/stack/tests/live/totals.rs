//! Shares and totals, exact before the first call, before the first failure, and after it.

use stack::Dashboard;
use test_servers::{LONG, PrometheusVersion, eventually};

use crate::stack::{Families, Mode, Stack};

#[tokio::test]
async fn totals_are_exact_by_push() {
    totals_are_exact(PrometheusVersion::Installed, Mode::Push, Families::All).await;
}

#[tokio::test]
async fn totals_are_exact_by_pull() {
    totals_are_exact(PrometheusVersion::Installed, Mode::Pull, Families::All).await;
}

#[tokio::test]
async fn totals_of_lean_processes_are_exact() {
    // Side by side: most of it is waiting.
    tokio::join!(
        totals_are_exact(PrometheusVersion::Installed, Mode::Push, Families::Lean),
        totals_are_exact(
            PrometheusVersion::Installed,
            Mode::Pull,
            Families::LeanNative
        ),
    );
}

#[tokio::test]
async fn totals_are_exact_on_each_other_version_of_prometheus() {
    for version in PrometheusVersion::all().into_iter().skip(1) {
        tokio::join!(
            totals_are_exact(version, Mode::Pull, Families::All),
            totals_are_exact(version, Mode::Push, Families::All),
            totals_are_exact(version, Mode::Pull, Families::LeanNative),
        );
    }
}

/// Checks that every rule can be evaluated.
async fn every_rule_is_healthy(stack: &Stack) {
    eventually(LONG, "evaluated rules", async || {
        let answer = stack.prometheus.api("rules").await;
        let groups = answer["groups"].as_array().cloned().unwrap_or_default();
        let rules: Vec<_> = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default())
            .filter(|rule| rule["health"] != "ok")
            .map(|rule| format!("{}: {} {}", rule["name"], rule["health"], rule["lastError"]))
            .collect();
        if rules.is_empty() && groups.len() > 5 {
            Ok(())
        } else {
            Err(rules)
        }
    })
    .await;
}

async fn totals_are_exact(version: PrometheusVersion, mode: Mode, families: Families) {
    let stack = Stack::start(version, mode, families).await;
    // Nothing ages out of the window while the test runs.
    let window = "30m";
    let dashboard = Dashboard::new("5m", "15m");
    // The share of lean processes is derived from rates, which say nothing of a burst before the first scrape, and of one that is longer ago
    // than they look back. It is tested under load.
    let share_is_exact = families == Families::All;
    let mut servers = vec![stack.server(window, &[]), stack.server(window, &[])];

    stack
        .shows(&dashboard, "panel Provider success rate A", 1.0)
        .await;
    stack.shows(&dashboard, "panel Provider QPS A", 0.0).await;
    let p99 = dashboard
        .value(&stack.prometheus, "panel Provider P99 A")
        .await;
    assert_eq!(p99, None, "without calls there is a gap");

    let first = stack.burst(window, "100");
    first.greeted(100).await;
    for side in ["Provider", "Consumer"] {
        stack
            .shows(&dashboard, &format!("panel {side} statistics A"), 100.0)
            .await;
        stack
            .shows(&dashboard, &format!("panel {side} success rate A"), 1.0)
            .await;
    }

    // The error is decided before the delay, so that the balancer prefers the failing server.
    servers.push(stack.server(window, &["--error-rate", "1", "--delay", "0s"]));
    eventually(LONG, "three servers", async || {
        let processes = stack
            .prometheus
            .query("count(dubbo_provider_requests_total)")
            .await;
        if processes.first().is_some_and(|count| count.value == 3.0) {
            Ok(())
        } else {
            Err(processes)
        }
    })
    .await;
    // A client calls as soon as it is connected to one server. One that called before it was connected to the failing
    // one is followed by another.
    let mut later = Vec::new();
    let mut failed = 0.0;
    while failed == 0.0 && later.len() < 10 {
        let client = stack.burst(window, "200");
        let lines = eventually(LONG, "200 lines", async || {
            let output = client.stdout();
            let lines = output.lines().count();
            if lines >= 200 { Ok(lines) } else { Err(lines) }
        })
        .await;
        assert_eq!(lines, 200, "one line for each call");
        failed = (200 - client.greetings()) as f64;
        later.push(client);
    }
    assert!(failed > 0.0, "the failing server got no call");
    let made = (100 + 200 * later.len()) as f64;
    for side in ["Provider", "Consumer"] {
        // A consumer is one process of two applications of the same name, and both sides are never added up.
        stack
            .shows(&dashboard, &format!("panel {side} statistics A"), made)
            .await;
        stack
            .shows(
                &dashboard,
                &format!("panel {side} statistics B"),
                made - failed,
            )
            .await;
        stack
            .shows(&dashboard, &format!("panel {side} statistics C"), failed)
            .await;
        stack
            .shows(&dashboard, &format!("panel {side} statistics D"), failed)
            .await;
        if share_is_exact {
            stack
                .shows(
                    &dashboard,
                    &format!("panel {side} success rate A"),
                    (made - failed) / made,
                )
                .await;
        }
    }

    // The instances add up to the whole.
    let instances = stack
        .prometheus
        .query("count by (instance) (dubbo_provider_requests_total)")
        .await;
    assert_eq!(instances.len(), 3);
    let mut sum = 0.0;
    for instance in &instances {
        let one = Dashboard::of_instance(instance.label("instance"), "5m", "15m");
        sum += one
            .value(&stack.prometheus, "panel Provider statistics A")
            .await
            .unwrap_or_default();
    }
    assert_eq!(sum, made);

    every_rule_is_healthy(&stack).await;

    for server in &mut servers {
        server.stop().await;
    }
    eventually(LONG, "no provider", async || {
        let left = stack
            .prometheus
            .query("dubbo_provider_requests_total")
            .await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}
