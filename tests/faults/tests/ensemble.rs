//! Three ZooKeepers: the leader is killed, a follower cut off, and the quorum lost for longer than a session lasts.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::Program;
use test_servers::{Ensemble, LONG, eventually};
use tokio::time::sleep;

const SESSION: Duration = Duration::from_secs(2);

/// Longer than a session and than the time in which one is given up.
const OUTAGE: Duration = Duration::from_secs(6);

/// What is registered for applications, as each server of the ensemble that answers sees it.
async fn instances(ensemble: &Ensemble, number: usize) -> Result<BTreeSet<String>, String> {
    let dump = ensemble.ask(number, "dump").await?;
    let paths = dump.lines().filter_map(|line| line.strip_prefix('\t'));
    Ok(paths
        .filter(|path| path.starts_with("/services/"))
        .map(str::to_owned)
        .collect())
}

/// Waits until both servers are registered once, and calls are made.
async fn all_is_well(ensemble: &Ensemble, client: &Program) {
    let leader = ensemble.leader().await;
    eventually(
        LONG,
        "both servers are registered",
        async || match instances(ensemble, leader).await {
            Ok(found) if found.len() == 2 => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await;
    client.greeted(client.greetings() + 100).await;
}

#[tokio::test]
async fn an_ensemble_that_loses_leader_follower_and_quorum_costs_no_call() {
    let mut ensemble = Ensemble::start().await;
    let session = format!("{}s", SESSION.as_secs());
    let servers: Vec<_> = (0..2)
        .map(|_| {
            Program::start(Program::server(&ensemble.address()).args([
                "--push=false",
                "--quiet",
                "--error-rate=0",
                "--zk-session-timeout",
                &session,
            ]))
        })
        .collect();
    for server in &servers {
        server.logged("registered").await;
    }
    let mut client = Program::start(Program::client(&ensemble.address()).args([
        "--push=false",
        "--concurrency=4",
        "--interval=10ms",
        "--zk-session-timeout",
        &session,
    ]));
    client.greeted(100).await;
    all_is_well(&ensemble, &client).await;

    let leader = ensemble.leader().await;
    ensemble.kill(leader);
    sleep(OUTAGE).await;
    all_is_well(&ensemble, &client).await;
    ensemble.restart(leader).await;
    all_is_well(&ensemble, &client).await;

    let follower = ensemble.follower().await;
    ensemble.cut_off(follower);
    sleep(OUTAGE).await;
    ensemble.restore(follower);
    ensemble.whole().await;
    all_is_well(&ensemble, &client).await;

    let lost = [ensemble.leader().await, ensemble.follower().await];
    for member in lost {
        ensemble.stop_process(member);
    }
    sleep(OUTAGE).await;
    client.greeted(client.greetings() + 100).await;
    for member in lost {
        ensemble.continue_process(member);
    }
    ensemble.whole().await;
    all_is_well(&ensemble, &client).await;

    client.stop().await;
    let summary = client.summary();
    assert_eq!(summary.failed, 0, "{}\n{}", summary.line, client.stderr());
}
