//! The way between a consumer and one of its providers is cut, slow, or not to be trusted.

use std::time::Duration;

use e2e::Program;
use tokio::time::sleep;

use crate::fault::Length;
use crate::line::{Front, Line};
use crate::report::Report;
use crate::stage::{Compared, Infrastructure, Stage, is_called};

/// Two servers, the first of which the client reaches through a proxy only.
async fn behind_front() -> (Stage, Front) {
    let infrastructure = Infrastructure::start().await;
    let zookeeper = infrastructure.zookeeper.address();
    let (first, front) = Front::start(&infrastructure, &zookeeper).await;
    let second = Program::start(&infrastructure.server());
    let client = infrastructure.impatient_client();
    let stage = infrastructure.called_by(&client, vec![first, second]).await;
    (stage, front)
}

pub(crate) async fn cut_off(length: Length) -> Report {
    let (stage, front) = behind_front().await;
    let outage = length.seconds(3, 20);
    let mut report = Report::new(format!(
        "silence for {outage:?}, then cut connections for {outage:?}"
    ));
    for cut in [
        |front: &Front| front.proxy.block(),
        |front: &Front| front.proxy.cut(),
    ] {
        cut(&front);
        sleep(outage).await;
        stage.calls_go_on().await;
        front.proxy.restore();
        report.recovers(is_called(&stage.servers[0])).await;
    }
    stage.unharmed(report).await
}

pub(crate) async fn host_cut_off(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let (first, line) = Line::start(&infrastructure).await;
    let second = Program::start(&infrastructure.server());
    let client = infrastructure.impatient_client();
    let stage = infrastructure.called_by(&client, vec![first, second]).await;
    // Longer than a session, so that the provider is forgotten as well.
    let outage = length.seconds(4, 30);
    let mut report = Report::new(format!("{} dead for {outage:?}", line.what()));
    line.cut();
    sleep(outage).await;
    stage.calls_go_on().await;
    line.restore();
    report.recovers(is_called(&stage.servers[0])).await;
    stage.unharmed(report).await
}

pub(crate) async fn slow(length: Length) -> Report {
    let (stage, front) = behind_front().await;
    let (outage, delay) = (length.seconds(3, 20), Duration::from_millis(50));
    let mut report = Report::new(format!("each packet {delay:?} late, for {outage:?}"));
    front.proxy.delay(delay);
    sleep(outage).await;
    stage.every_provider_is_called().await;
    front.proxy.restore();
    report.recovers(stage.calls_go_on()).await;
    stage.unharmed(report).await
}

pub(crate) async fn corrupted(length: Length) -> Report {
    let (mut stage, front) = behind_front().await;
    let outage = length.seconds(3, 20);
    let mut report = Report::new(format!("a bit flipped in each packet, for {outage:?}"));
    front.proxy.corrupt();
    sleep(outage).await;
    stage.calls_go_on().await;
    front.proxy.restore();
    report.recovers(is_called(&stage.servers[0])).await;
    for server in &mut stage.servers {
        report.promise(server.is_running(), "no server crashes");
    }
    // A greeting with a flipped bit is a greeting, and an error with one is an error: only the counts can be held to something.
    stage.settle_client(&mut report, Compared::Totals).await;
    report
}
