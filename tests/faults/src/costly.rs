//! Faults that nothing can make good, so that calls fail: which alert says so?

use std::process::Command;
use std::time::Duration;

use e2e::Program;
use test_servers::{LONG, eventually};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::fault::Length;
use crate::line::Front;
use crate::refusing::RefusingProvider;
use crate::report::Report;
use crate::stage::{Infrastructure, Stage, is_called};

/// How long a provider that crashes lives.
const LIFE: Duration = Duration::from_secs(10);

/// Ends a fault that costs calls: they must succeed again, and each that failed is counted.
async fn harmed(mut stage: Stage, mut report: Report) -> Report {
    stage.whole = false;
    stage.settle(&mut report).await;
    report.promise(report.failed > 0, "calls fail, or it is no such fault");
    report
}

/// Starts two servers in the place of those that are gone, and waits until they are called.
async fn replaced(stage: &mut Stage) {
    let zookeeper = stage.zookeeper.address();
    stage.servers = (0..2)
        .map(|_| Program::start(&crate::stage::server(&zookeeper)))
        .collect();
    stage.every_provider_is_called().await;
}

pub(crate) async fn killed(length: Length) -> Report {
    let mut stage = Stage::start().await;
    let outage = length.seconds(3, 30);
    let mut report = Report::new(format!(
        "SIGKILL of every provider, replaced after {outage:?}"
    ));
    for mut server in stage.servers.drain(..) {
        server.kill();
    }
    sleep(outage).await;
    report.recovers(replaced(&mut stage)).await;
    harmed(stage, report).await
}

pub(crate) async fn stopped(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let servers = [infrastructure.server(), infrastructure.server()];
    let client = infrastructure.impatient_client();
    let mut stage = infrastructure.with(&servers, &client).await;
    let outage = length.seconds(3, 30);
    let mut report = Report::new(format!("SIGSTOP of every provider for {outage:?}"));
    for server in &mut stage.servers {
        server.stop_process();
    }
    sleep(outage).await;
    for server in &mut stage.servers {
        server.continue_process();
    }
    report.recovers(stage.every_provider_is_called()).await;
    harmed(stage, report).await
}

pub(crate) async fn terminated(length: Length) -> Report {
    let mut stage = Stage::start().await;
    let outage = length.seconds(3, 30);
    let mut report = Report::new(format!(
        "SIGTERM of every provider, replaced after {outage:?}"
    ));
    for mut server in stage.servers.drain(..) {
        server.stop().await;
    }
    sleep(outage).await;
    report.recovers(replaced(&mut stage)).await;
    harmed(stage, report).await
}

pub(crate) async fn cut_off(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let zookeeper = infrastructure.zookeeper.address();
    let (server, front) = Front::start(&infrastructure, &zookeeper).await;
    let client = infrastructure.impatient_client();
    let stage = infrastructure.called_by(&client, vec![server]).await;
    let outage = length.seconds(3, 30);
    let mut report = Report::new(format!(
        "silence between a consumer and its only provider for {outage:?}"
    ));
    front.proxy.block();
    sleep(outage).await;
    front.proxy.restore();
    report.recovers(is_called(&stage.servers[0])).await;
    harmed(stage, report).await
}

pub(crate) async fn faulty(length: Length) -> Report {
    let stage = Stage::start().await;
    let lasts = length.seconds(3, 30);
    let mut report = Report::new(format!("one of three answers INTERNAL for {lasts:?}"));
    let faulty = RefusingProvider::start(&stage, Code::Internal).await;
    sleep(lasts).await;
    report.recovers(faulty.leave()).await;
    harmed(stage, report).await
}

pub(crate) async fn rejecting(length: Length) -> Report {
    let stage = Stage::start().await;
    let lasts = length.seconds(3, 30);
    let mut report = Report::new(format!(
        "one of three answers business errors for {lasts:?}"
    ));
    let mut command = crate::stage::server(&stage.zookeeper.address());
    command.args(["--error-rate", "1"]);
    let mut server = Program::start(&command);
    eventually(LONG, "calls fail", async || {
        let scrape = server.scrape().await;
        let failed = scrape.value("dubbo_provider_requests_failed_total");
        if failed > 0.0 { Ok(()) } else { Err(failed) }
    })
    .await;
    sleep(lasts).await;
    report.recovers(server.stop()).await;
    harmed(stage, report).await
}

pub(crate) async fn slow(length: Length) -> Report {
    let mut stage = Stage::start().await;
    let lasts = length.seconds(3, 30);
    let mut report = Report::new(format!("one of three takes 400 ms for {lasts:?}"));
    let mut command = crate::stage::server(&stage.zookeeper.address());
    command.args(["--delay", "400ms"]);
    let mut server = Program::start(&command);
    server.logged("registered").await;
    sleep(lasts).await;
    report.recovers(server.stop()).await;
    stage.whole = false;
    stage.settle(&mut report).await;
    report
}

pub(crate) async fn crashing(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    // Calls must be on their way when it is killed.
    let slowly = |mut server: Command| {
        server.args(["--delay", "50ms"]);
        server
    };
    let servers = [slowly(infrastructure.server())];
    let mut client = infrastructure.client();
    client.args(["--retries", "0"]);
    let stage = infrastructure.with(&servers, &client).await;
    let lasts = length.seconds(3, 30);
    let mut report = Report::new(format!(
        "one of two is killed {LIFE:?} after each start for {lasts:?}, no retries"
    ));
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        let mut server = Program::start(&slowly(crate::stage::server(&stage.zookeeper.address())));
        is_called(&server).await;
        sleep(length.of(Duration::ZERO, LIFE)).await;
        server.kill();
    }
    report.recovers(stage.calls_go_on()).await;
    harmed(stage, report).await
}
