//! Providers and consumers die, hang, or are asked to end.

use e2e::Program;
use test_servers::{LONG, eventually};

use crate::fault::Length;
use crate::report::Report;
use crate::stage::{Infrastructure, Stage, is_called};

pub(crate) async fn killed(length: Length) -> Report {
    let mut stage = Stage::start().await;
    let mut report = Report::new("SIGKILL of one of two, under load");
    stage.servers.remove(0).kill();
    // What it has counted since its last scrape is gone with it.
    stage.whole = false;
    report.recovered = stage.longest_gap(length.seconds(2, 10)).await;
    stage.calls_go_on().await;
    stage.unharmed(report).await
}

pub(crate) async fn stopped(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let servers = [infrastructure.server(), infrastructure.server()];
    let client = infrastructure.impatient_client();
    let mut stage = infrastructure.with(&servers, &client).await;
    let outage = length.seconds(4, 20);
    let mut report = Report::new(format!("SIGSTOP of one of two for {outage:?}"));
    stage.servers[0].stop_process();
    let gap = stage.longest_gap(outage).await;
    report.note(&format!("; at most {gap:.1?} without an answer"));
    stage.calls_go_on().await;
    stage.servers[0].continue_process();
    report.recovers(is_called(&stage.servers[0])).await;
    stage.unharmed(report).await
}

pub(crate) async fn terminated(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let servers = [infrastructure.server(), infrastructure.server()];
    let mut client = infrastructure.client();
    // A call that goes wrong once goes wrong.
    client.args(["--retries", "0"]);
    let mut stage = infrastructure.with(&servers, &client).await;
    let times = length.of(1, 5);
    let mut report = Report::new(format!(
        "SIGTERM of one of two, replaced, {times} times, no retries"
    ));
    for _ in 0..times {
        let mut leaving = stage.servers.remove(0);
        report.recovers(leaving.stop()).await;
        let zookeeper = stage.zookeeper.address();
        stage
            .servers
            .push(Program::start(&crate::stage::server(&zookeeper)));
        stage.every_provider_is_called().await;
    }
    // The figures of those that have left are gone from their endpoint.
    stage.whole = false;
    stage.unharmed(report).await
}

pub(crate) async fn consumer_killed(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let mut server = infrastructure.server();
    // Shorter than what latency objectives allow.
    server.args(["--delay", "200ms"]);
    let client = infrastructure.client();
    let stage = infrastructure.with(&[server], &client).await;
    let times = length.of(1, 10);
    let callers = 16;
    let mut report = Report::new(format!(
        "{times} times SIGKILL with {callers} calls in flight"
    ));
    let flying = async || {
        let scrape = stage.servers[0].scrape().await;
        scrape.value("dubbo_provider_requests_processing_total")
    };
    for _ in 0..times {
        let mut command = Program::client(&stage.zookeeper.address());
        command.args([
            "--push=false",
            "--interval=0s",
            "--concurrency",
            &callers.to_string(),
        ]);
        let mut doomed = Program::start(&command);
        eventually(LONG, "its calls are in flight", async || {
            flying().await > f64::from(callers)
        })
        .await;
        doomed.kill();
        // The other client has four callers.
        let landed = eventually(LONG, "its calls are not in flight any more", async || {
            flying().await <= 4.0
        });
        report.recovers(landed).await;
    }
    let errors = stage.servers[0].scrape().await;
    let cancelled = errors
        .of(&[("error_type", "cancelled")])
        .sum("dubbo_provider_errors_total");
    report.promise(
        cancelled.is_some_and(|calls| calls > 0.0),
        format!("calls whose caller died are counted as cancelled: {cancelled:?}"),
    );
    stage.unharmed(report).await
}
