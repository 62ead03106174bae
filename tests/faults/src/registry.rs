//! ZooKeeper is away, hangs, forgets, or cannot be reached.

use std::time::Duration;

use e2e::Program;
use test_servers::{Ephemerals, LONG, TcpProxy, eventually};
use tokio::time::sleep;

use crate::fault::Length;
use crate::report::Report;
use crate::stage::{Infrastructure, SESSION, Stage, is_called, node, server};

/// Long enough that no session survives; in the long form, that everything has been tried again and again.
fn outage(length: Length) -> Duration {
    length.seconds(SESSION.as_secs() + 1, 15)
}

pub(crate) async fn killed(length: Length) -> Report {
    let mut stage = Stage::start().await;
    let outage = outage(length);
    let mut report = Report::new(format!("SIGKILL, back with its data after {outage:?}"));
    stage.zookeeper.kill();
    sleep(outage).await;
    stage.calls_go_on().await;
    stage.zookeeper.restart().await;
    report.recovers(stage.every_process_is_registered()).await;
    stage.every_provider_is_called().await;
    stage.unharmed(report).await
}

pub(crate) async fn emptied(length: Length) -> Report {
    let mut stage = Stage::start().await;
    let outage = outage(length);
    let mut report = Report::new(format!("SIGKILL, back without its data after {outage:?}"));
    stage.zookeeper.kill();
    sleep(outage).await;
    stage.calls_go_on().await;
    stage.zookeeper.restart_empty().await;
    report.recovers(stage.every_process_is_registered()).await;
    let mut newcomer = Program::start(
        Program::client(&stage.zookeeper.address()).args(["--push=false", "--count=20"]),
    );
    newcomer.wait(LONG).await;
    let found = newcomer.summary();
    report.promise(
        found.succeeded == 20,
        format!("a newcomer finds the providers: {}", found.line),
    );
    stage.every_provider_is_called().await;
    stage.unharmed(report).await
}

pub(crate) async fn stopped(length: Length) -> Report {
    let mut stage = Stage::start().await;
    let outage = outage(length);
    let mut report = Report::new(format!("SIGSTOP for {outage:?}"));
    stage.zookeeper.stop_process();
    sleep(outage).await;
    stage.calls_go_on().await;
    stage.zookeeper.continue_process();
    report.recovers(stage.every_process_is_registered()).await;
    stage.every_provider_is_called().await;
    stage.unharmed(report).await
}

/// Two servers, the first of which reaches ZooKeeper through a proxy only.
async fn behind_proxy() -> (Stage, TcpProxy) {
    let infrastructure = Infrastructure::start().await;
    let proxy = TcpProxy::start(infrastructure.zookeeper.address()).await;
    let servers = [server(&proxy.address()), infrastructure.server()];
    let client = infrastructure.client();
    (infrastructure.with(&servers, &client).await, proxy)
}

pub(crate) async fn cut_off(length: Length) -> Report {
    let (stage, proxy) = behind_proxy().await;
    let times = length.of(3, 20);
    let mut report = Report::new(format!(
        "{times} times cut between one provider and ZooKeeper"
    ));
    let session = owner(&stage).await;
    for _ in 0..times {
        proxy.cut();
        proxy.restore();
        report.recovers(stage.every_process_is_registered()).await;
    }
    report.promise(
        owner(&stage).await == session,
        "a session outlives its connection",
    );
    is_called(&stage.servers[0]).await;
    stage.unharmed(report).await
}

pub(crate) async fn expired(length: Length) -> Report {
    let (stage, proxy) = behind_proxy().await;
    let mut report = Report::new("one provider silent until its session expired");
    let node = node(&stage.servers[0]).await;
    let session = owner(&stage).await;
    proxy.block();
    eventually(LONG, &format!("{node} is gone"), async || {
        let now = Ephemerals::of(&stage.zookeeper).await?;
        if now.instances().contains(node.as_str()) {
            Err(format!("{now:?}"))
        } else {
            Ok(())
        }
    })
    .await;
    sleep(length.seconds(0, 10)).await;
    stage.calls_go_on().await;
    proxy.restore();
    report.recovers(stage.every_process_is_registered()).await;
    report.promise(owner(&stage).await != session, "it has a new session");
    is_called(&stage.servers[0]).await;
    stage.unharmed(report).await
}

/// Returns the session that holds the first server's node.
async fn owner(stage: &Stage) -> Option<String> {
    let node = node(&stage.servers[0]).await;
    let ephemerals = Ephemerals::of(&stage.zookeeper).await;
    ephemerals
        .unwrap_or_else(|err| panic!("{err}"))
        .owner(&node)
        .map(str::to_owned)
}
