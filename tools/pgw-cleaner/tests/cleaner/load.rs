//! Many groups: as few requests as possible, and memory that does not grow with what the groups contain.

use std::time::Duration;

use axum::http::Method;
use futures_util::{StreamExt as _, stream};
use pushgateway::GroupingKey;
use test_servers::{LONG, Pushgateway, eventually, free_port, get};

use crate::support::{Action, Front, client, expired, run, start};

/// Pushes a body to groups of a job, eight at a time.
async fn push_many(server: &Pushgateway, job: &str, count: usize, body: &str) {
    let gateway = client(&server.url());
    let pushes = (0..count).map(|n| {
        let key = GroupingKey::new(job).with("instance", format!("host-{n:05}:1"));
        let (gateway, body) = (gateway.clone(), body.to_owned());
        async move { gateway.put(&key, body).await }
    });
    stream::iter(pushes)
        .buffer_unordered(8)
        .for_each(async |pushed| pushed.unwrap_or_else(|error| panic!("{error}")))
        .await;
}

fn gateway() -> impl Future<Output = Pushgateway> {
    // The check costs the gateway a look at all groups for each push, which is not what is measured here.
    Pushgateway::start_with(&["--push.disable-consistency-check"])
}

#[tokio::test]
async fn a_pass_makes_no_request_too_many() {
    let server = gateway().await;
    push_many(&server, "dubbo_dead", 900, "up 1\n").await;
    expired(&server, &["--ttl", "1s"], 900).await;
    push_many(&server, "dubbo_live", 100, "up 1\n").await;
    let front = Front::deciding(server.url(), |_, _| Action::Pass).await;
    // The live ones are protected by name: on a slow machine they may be older than the TTL by now.
    let options = [
        "--ttl",
        "1s",
        "--protect",
        "job=dubbo_live",
        "--batch-size",
        "300",
        "--max-window",
        "1h",
    ];
    let ended = run(
        &front.url(),
        &[&options[..], &["--output", "json"]].concat(),
    )
    .await;
    let report = ended.report();
    assert_eq!(
        (ended.code, &report["deleted"], &report["seen"]),
        (0, &900.into(), &1000.into()),
        "{}",
        ended.stderr
    );
    // One reading to select, one for each of three batches, one to verify; and one deletion for each group.
    assert_eq!(
        (front.count(&Method::GET), front.count(&Method::DELETE)),
        (5, 900)
    );
    assert_eq!(server.groups().await.len(), 100);
}

#[tokio::test]
async fn memory_does_not_grow_with_what_the_groups_contain() {
    let server = gateway().await;
    // 400 groups of 250 kB each make a listing of more than 100 MB.
    let body: String = (0..1000)
        .map(|n| format!("some_metric{{label=\"{n:x>150}\"}} {n}\n"))
        .collect();
    push_many(&server, "dubbo_dead", 400, &body).await;

    let endpoint = format!("127.0.0.1:{}", free_port());
    let options = [
        "--ttl",
        "1s",
        "--daemon",
        "--interval",
        "1s",
        "--list-timeout",
        "60s",
        "--metrics-addr",
        &endpoint,
    ];
    let mut process = start(&server.url(), &options);
    eventually(4 * LONG, "all groups are gone", async || {
        let text = get(&format!("http://{endpoint}/metrics"))
            .await
            .map(|answer| answer.body)
            .unwrap_or_default();
        if text.contains("pgw_cleaner_deleted_total 400\n") {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak_kib < 64 * 1024, "{peak_kib} KiB");
    process.terminate();
    assert_eq!(process.wait(Duration::from_secs(60)).await, 0);
}
