//! The time while a gateway was down, hung or was not watched is no silence of its groups.

use std::process::{Command, Stdio};
use std::time::Duration;

use test_servers::{LONG, Pushgateway, eventually, free_port, get};
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::{Daemon, client, instances, push_some, run};

const TTL: Duration = Duration::from_secs(3);
const OPTIONS: [&str; 4] = ["--ttl", "3s", "--output", "json"];

#[tokio::test]
async fn groups_get_their_whole_ttl_after_a_restart_and_go_then() {
    let mut server = Pushgateway::start_persistent().await;
    push_some(&server, 2).await;
    let pushed = Instant::now();
    eventually(LONG, "the groups are on disk", async || {
        let bytes = server.persisted_bytes();
        (bytes > 0).then_some(()).ok_or(bytes)
    })
    .await;
    // What was written first may hold one group alone: another interval brings the other.
    sleep(Duration::from_millis(500)).await;
    server.kill();
    // Longer than the TTL, by the gateway's clock in whole seconds.
    sleep_until(pushed + TTL + Duration::from_secs(2)).await;
    server.restart().await;
    let restarted = Instant::now();
    assert_eq!(instances(&server).await.len(), 2, "they were on disk");
    let report = run(&server.url(), &OPTIONS).await.report();
    // A machine that stalls for as long as the TTL may say otherwise.
    if restarted.elapsed() < TTL {
        assert_eq!(report["deleted"], 0, "{report}");
    }
    eventually(
        LONG,
        "groups whose pushers are gone are deleted",
        async || {
            let report = run(&server.url(), &OPTIONS).await.report();
            (report["groups"].as_array().is_some() && instances(&server).await.is_empty())
                .then_some(())
                .ok_or(report)
        },
    )
    .await;
    assert!(restarted.elapsed() > TTL, "not before their TTL");
}

/// A daemon between its first two passes, on a gateway whose groups have had a push right before this returns.
async fn watched(server: &Pushgateway) -> Daemon {
    let options = ["--ttl", "5s", "--interval", "2s", "--list-timeout", "1s"];
    let daemon = Daemon::start(&server.url(), &options);
    daemon
        .reaches("pgw_cleaner_passes_total", &[("result", "success")], 1.0)
        .await;
    push_some(server, 2).await;
    daemon
}

/// Checks that the groups go, but not within their TTL from now on.
async fn groups_get_their_whole_ttl(server: &Pushgateway) {
    let begun = Instant::now();
    eventually(LONG, "silent groups are deleted", async || {
        instances(server).await.is_empty()
    })
    .await;
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn groups_get_their_whole_ttl_after_the_gateway_hung() {
    let mut server = Pushgateway::start().await;
    let daemon = watched(&server).await;
    server.stop_process();
    sleep(Duration::from_secs(6)).await;
    server.continue_process();
    groups_get_their_whole_ttl(&server).await;
    drop(daemon);
}

#[tokio::test]
async fn groups_get_their_whole_ttl_after_all_processes_were_stopped() {
    let mut server = Pushgateway::start().await;
    let mut daemon = watched(&server).await;
    server.stop_process();
    daemon.process.stop_process();
    sleep(Duration::from_secs(9)).await;
    server.continue_process();
    daemon.process.continue_process();
    groups_get_their_whole_ttl(&server).await;
}

#[tokio::test]
async fn the_last_figures_of_a_batch_job_go_after_the_ttl() {
    let server = Pushgateway::start().await;
    let key = pushgateway::GroupingKey::new("dubbo_client").with("instance", "batch:1-abc");
    let figures = "dubbo_consumer_requests_total 100\ndubbo_push_final 1\n";
    client(&server.url()).put(&key, figures).await.unwrap();
    eventually(LONG, "the group is deleted", async || {
        sleep(Duration::from_millis(500)).await;
        let report = run(&server.url(), &OPTIONS).await.report();
        (instances(&server).await.is_empty())
            .then_some(())
            .ok_or(report)
    })
    .await;
}

#[tokio::test]
async fn a_window_in_which_nothing_can_begin_ends_the_pass() {
    let server = Pushgateway::start().await;
    push_some(&server, 2).await;
    let options = ["--ttl", "1s", "--output", "json", "--max-window", "1ns"];
    sleep(Duration::from_millis(2100)).await;
    let ended = run(&server.url(), &options).await;
    ended.failed(1, &["--max-window 1ns", "raise it"]);
    assert_eq!(
        ended.report()["readings"],
        4,
        "one to select, three to delete"
    );
    assert_eq!(instances(&server).await.len(), 2);
}

#[tokio::test]
async fn a_full_disk_does_not_end_the_daemon() {
    let server = Pushgateway::start().await;
    push_some(&server, 2).await;
    let address = format!("127.0.0.1:{}", free_port());
    let full = || {
        Stdio::from(
            std::fs::File::options()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        )
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgw-cleaner"));
    command
        .args([
            "--pushgateway-url",
            &server.url(),
            "--metrics-addr",
            &address,
        ])
        .args(["--daemon", "--interval", "100ms", "--output", "json"])
        .stdout(full())
        .stderr(full());
    let mut child = command.spawn().unwrap();
    let metrics = eventually(LONG, "passes whose reports cannot be written", async || {
        let answer = get(&format!("http://{address}/metrics")).await;
        let text = answer.map_or_else(|err| err.to_string(), |answer| answer.body);
        let failed = text.lines().find_map(|line| {
            line.strip_prefix("pgw_cleaner_failures_total{reason=\"report\"} ")?
                .parse::<u64>()
                .ok()
        });
        failed
            .filter(|failed| *failed >= 3)
            .map(|_| text.clone())
            .ok_or(text)
    })
    .await;
    assert!(metrics.contains("pgw_cleaner_checked_total"), "{metrics}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn no_length_of_a_time_ends_the_daemon_or_makes_it_ask_without_a_pause() {
    let server = Pushgateway::start().await;
    let endless = "500000000000y";
    for option in [
        "--interval",
        "--ttl",
        "--timeout",
        "--list-timeout",
        "--max-window",
    ] {
        let daemon = Daemon::start(&server.url(), &[option, endless]);
        daemon
            .reaches("pgw_cleaner_passes_total", &[("result", "success")], 1.0)
            .await;
        daemon.stop().await;
    }
    let daemon = Daemon::start(&server.url(), &["--interval", "1ns"]);
    let begun = Instant::now();
    let passes = daemon
        .reaches("pgw_cleaner_passes_total", &[("result", "success")], 5.0)
        .await;
    // A tenth of a second each, but for jitter, and the first one at once.
    let most = 1.0 + begun.elapsed().as_secs_f64() / 0.09;
    assert!(passes <= most + 1.0, "{passes} of {most}");
    daemon.stop().await;
}
