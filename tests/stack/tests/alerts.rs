//! Alerts on the stack of `native.sh`: each goes off when something is really broken, reaches the Alertmanager, and ends with the repair.

use std::collections::BTreeSet;
use std::process::Command;

use e2e::Program;
use rustix::process::Signal;
use serde_json::Value;
use stack::Native;
use test_servers::{LONG, eventually, get};

/// Returns the names of the alerts that fire, other than the one that always does.
async fn firing(native: &Native) -> Result<BTreeSet<String>, String> {
    let answer = get(&format!("http://{}/api/v1/alerts", native.prometheus)).await?;
    let answer: Value = serde_json::from_str(&answer.body).map_err(|err| err.to_string())?;
    let alerts = answer["data"]["alerts"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    Ok(firing
        .filter_map(|alert| alert["labels"]["alertname"].as_str())
        .filter(|name| *name != "DubboWatchdog")
        .map(str::to_owned)
        .collect())
}

async fn fires(native: &Native, alert: &str) {
    eventually(4 * LONG, &format!("{alert} fires"), async || {
        let firing = firing(native).await?;
        if firing.contains(alert) {
            Ok(())
        } else {
            Err(format!("{firing:?}"))
        }
    })
    .await;
    let sent = format!("http://{}/api/v2/alerts?active=true", native.alertmanager);
    eventually(LONG, &format!("{alert} at the Alertmanager"), async || {
        let sent = get(&sent).await?.body;
        if sent.contains(alert) {
            Ok(())
        } else {
            Err(sent)
        }
    })
    .await;
}

async fn is_silent(native: &Native, alert: &str) {
    eventually(4 * LONG, &format!("{alert} is over"), async || {
        let firing = firing(native).await?;
        if firing.contains(alert) {
            Err(format!("{firing:?}"))
        } else {
            Ok(())
        }
    })
    .await;
}

fn pushing(mut command: Command, native: &Native) -> Program {
    command.args([
        "--pushgateway-url",
        &native.pushgateway,
        "--push-interval",
        "2s",
    ]);
    Program::start(&command)
}

#[tokio::test]
async fn a_fault_makes_its_alert_fire_and_its_repair_ends_it() {
    let mut native = Native::default();
    native.shorten_rules();
    let (code, output) = native.run("up");
    assert_eq!(code, 0, "{output}");
    let server = || pushing(Program::server(&native.zookeeper), &native);
    let mut healthy = server();
    let client = pushing(Program::client(&native.zookeeper), &native);
    client.greeted(20).await;
    let query = format!(
        "http://{}/api/v1/query?query=dubbo_consumer_requests_total%3E0",
        native.prometheus
    );
    eventually(LONG, "Prometheus sees calls", async || {
        get(&query)
            .await
            .is_ok_and(|answer| answer.body.contains("dubbo_consumer"))
    })
    .await;
    eventually(4 * LONG, "a healthy system without alerts", async || {
        let firing = firing(&native).await?;
        if firing.is_empty() {
            Ok(())
        } else {
            Err(format!("{firing:?}"))
        }
    })
    .await;

    // A handler that fails, beside one that does not.
    let mut command = Program::server(&native.zookeeper);
    command.args(["--error-rate", "1"]);
    let mut failing = pushing(command, &native);
    fires(&native, "DubboBusinessErrors").await;
    failing.stop().await;
    is_silent(&native, "DubboBusinessErrors").await;

    // No provider at all.
    healthy.stop().await;
    fires(&native, "DubboNoProvider").await;
    let _healthy = server();
    is_silent(&native, "DubboNoProvider").await;

    // A gateway that accepts connections and says nothing.
    native.signal("pushgateway", Signal::STOP);
    fires(&native, "DubboPushgatewayDown").await;
    native.signal("pushgateway", Signal::CONT);
    is_silent(&native, "DubboPushgatewayDown").await;
}
