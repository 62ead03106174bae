//! Connections that their provider ends again and again, and one that falls silent while calls wait on it.

use std::time::Duration;

use e2e::Program;
use tokio::time::sleep;

use crate::fault::Length;
use crate::line::Front;
use crate::report::Report;
use crate::stage::{Infrastructure, Stage, is_called};

/// After which a provider tells a connection to go away.
const AGE: Duration = Duration::from_millis(300);

/// How long an attempt may take where nothing but a ping finds the silence out in time.
const PATIENCE: &str = "60s";

pub(crate) async fn renewed(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let server = || {
        let mut server = infrastructure.server();
        server.arg(format!("--max-connection-age={}ms", AGE.as_millis()));
        server
    };
    let servers = [server(), server()];
    let mut client = infrastructure.client();
    client.args(["--retries", "0"]);
    let stage = infrastructure.with(&servers, &client).await;
    let lasts = length.seconds(3, 20);
    let mut report = Report::new(format!(
        "GOAWAY on each connection after {AGE:?}, for {lasts:?}, no retries"
    ));
    let gap = stage.longest_gap(lasts).await;
    report.note(&format!("; at most {gap:.1?} without an answer"));
    report.recovers(stage.every_provider_is_called()).await;
    stage.unharmed(report).await
}

pub(crate) async fn silent(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let zookeeper = infrastructure.zookeeper.address();
    let (first, front) = Front::start(&infrastructure, &zookeeper).await;
    let second = Program::start(&infrastructure.server());
    let mut client = infrastructure.client();
    client.args(["--timeout", PATIENCE]);
    client.args(["--keepalive-interval", "1s", "--keepalive-timeout", "1s"]);
    let stage: Stage = infrastructure.called_by(&client, vec![first, second]).await;
    let lasts = length.seconds(6, 30);
    front.proxy.block();
    let gap = stage.longest_gap(lasts).await;
    let mut report = Report::new(format!(
        "silence for {lasts:?}, where calls may wait for {PATIENCE}; at most {gap:.1?} without an answer"
    ));
    // Every caller waits on the silent connection once: what is answered meanwhile, others have asked.
    report.promise(
        gap < lasts.min(Duration::from_secs(5)),
        format!("the silence is found out by pings within 2 s or so: {gap:?}"),
    );
    stage.calls_go_on().await;
    front.proxy.restore();
    sleep(AGE).await;
    report.recovers(is_called(&stage.servers[0])).await;
    stage.unharmed(report).await
}
