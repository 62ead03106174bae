//! The Pushgateway is away, hangs, refuses, forgets, or has no room.

use std::process::Command;
use std::time::Duration;

use e2e::Scrape;
use test_servers::{LONG, Pushgateway, TcpProxy, ZooKeeper, eventually, refusing};
use tokio::time::{Instant, sleep};

use crate::fault::Length;
use crate::report::Report;
use crate::stage::{Infrastructure, Stage};

const PASSWORD: &str = "open-sesame-4711";

/// Longer than the deadline of a push, which is 5 s.
fn hang(length: Length) -> Duration {
    length.seconds(6, 20)
}

/// Logs in, so that there is a password that could be printed.
fn with_login(mut command: Command) -> Command {
    command
        .env("PUSHGATEWAY_USER", "user")
        .env("PUSHGATEWAY_PASS", PASSWORD);
    command
}

async fn start(infrastructure: Infrastructure) -> Stage {
    let servers = [infrastructure.server()];
    let client = with_login(infrastructure.client());
    let stage = infrastructure.with(&servers, &client).await;
    pushed(&stage.gateway).await;
    stage
}

/// Waits until the client has pushed again since now.
async fn pushed(gateway: &Pushgateway) {
    let pushes = async || gateway.requests("put", 200).await;
    let before = pushes().await;
    eventually(LONG, "a push", async || pushes().await > before).await;
}

/// Ends a fault of the gateway, which costs one line in the log, says this, and never shows the password.
async fn unharmed(stage: Stage, report: Report, reason: &str) -> Report {
    let mut report = report;
    if !reason.is_empty() {
        // A gateway that hung takes what it was sent meanwhile first, of which its sender knows nothing yet.
        eventually(LONG, "what failed is counted in a push", async || {
            let figures = Scrape(stage.gateway.samples().await).of(&[("job", "dubbo_client")]);
            let failed = figures.of(&[("result", "failure")]);
            failed
                .sum("dubbo_push_requests_total")
                .is_some_and(|failed| failed > 0.0)
        })
        .await;
    }
    let log = stage.client.stderr();
    let warnings: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("push"))
        .collect();
    if !reason.is_empty() {
        report.promise(
            warnings.len() == 1 && warnings[0].contains(reason),
            format!("one line in the log that says {reason:?}: {warnings:#?}"),
        );
    }
    report.promise(
        !(log + &stage.client.stdout()).contains(PASSWORD),
        "no password is printed",
    );
    stage.unharmed(report).await
}

pub(crate) async fn down(length: Length) -> Report {
    let mut stage = start(Infrastructure::start().await).await;
    let outage = length.seconds(2, 20);
    let mut report = Report::new(format!("SIGKILL, back after {outage:?}"));
    stage.gateway.kill();
    sleep(outage).await;
    stage.calls_go_on().await;
    stage.gateway.restart().await;
    report.recovers(pushed(&stage.gateway)).await;
    unharmed(stage, report, "cannot").await
}

pub(crate) async fn stopped(length: Length) -> Report {
    let mut stage = start(Infrastructure::start().await).await;
    let outage = hang(length);
    let mut report = Report::new(format!("SIGSTOP for {outage:?}"));
    stage.gateway.stop_process();
    sleep(outage).await;
    stage.calls_go_on().await;
    stage.gateway.continue_process();
    report.recovers(pushed(&stage.gateway)).await;
    unharmed(stage, report, "5s").await
}

pub(crate) async fn unauthorized(length: Length) -> Report {
    refused(401, length).await
}

pub(crate) async fn failing(length: Length) -> Report {
    refused(500, length).await
}

/// Puts a server that refuses everything in the gateway's place.
async fn refused(status: u16, length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let proxy = TcpProxy::start(infrastructure.gateway.address()).await;
    let servers = [infrastructure.server()];
    let mut client = with_login(crate::stage::client(&infrastructure.zookeeper.address()));
    client.args(["--pushgateway-url", &proxy.address()]);
    let stage = infrastructure.with(&servers, &client).await;
    pushed(&stage.gateway).await;

    let outage = length.seconds(2, 20);
    let mut report = Report::new(format!("it answers {status} for {outage:?}"));
    proxy.redirect(refusing(status).await);
    sleep(outage).await;
    stage.calls_go_on().await;
    proxy.redirect(stage.gateway.address());
    report.recovers(pushed(&stage.gateway)).await;
    unharmed(stage, report, &status.to_string()).await
}

pub(crate) async fn disk_full(length: Length) -> Report {
    let (zookeeper, (gateway, disk)) =
        tokio::join!(ZooKeeper::start(), Pushgateway::start_on_full_disk());
    let stage = start(Infrastructure { zookeeper, gateway }).await;
    let mut report = Report::new(format!("it can write nothing: {disk}"));
    eventually(LONG, "the gateway fails to write", async || {
        let log = stage.gateway.log();
        let failed = ["no space left", "no such file"]
            .iter()
            .any(|why| log.contains(why));
        if failed { Ok(()) } else { Err(log) }
    })
    .await;
    let full = Instant::now();
    sleep(length.seconds(0, 10)).await;
    stage.calls_go_on().await;
    report.recovers(pushed(&stage.gateway)).await;
    report.note(&format!(", for {:.0?}", full.elapsed()));
    unharmed(stage, report, "").await
}

pub(crate) async fn emptied(_: Length) -> Report {
    let mut stage = start(Infrastructure::start().await).await;
    let mut report = Report::new("SIGKILL, back at once, without its groups");
    stage.gateway.restart().await;
    report.recovers(pushed(&stage.gateway)).await;
    let groups = stage.gateway.groups().await.len();
    report.promise(groups == 1, format!("the group is there again: {groups}"));
    unharmed(stage, report, "").await
}
