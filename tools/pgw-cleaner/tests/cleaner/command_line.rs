//! The program's options, streams and exit codes.

use std::process::Command;

use test_servers::{LONG, Process, Pushgateway, eventually};

use crate::support::{Action, Front, expired, instances, push_some, run, start};

#[tokio::test]
async fn a_dry_run_shows_what_would_go_and_deletes_nothing() {
    let server = Pushgateway::start().await;
    push_some(&server, 2).await;
    let options = ["--ttl", "1", "--dry-run"];
    expired(&server, &options, 2).await;
    let ended = run(&server.url(), &options).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert_eq!(
        ended
            .stdout
            .matches("would be deleted  {job=\"dubbo_server\",instance=\"host-000")
            .count(),
        2,
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("2 expired; would delete 2"),
        "{ended:?}"
    );
    assert_eq!(instances(&server).await.len(), 2);
    assert_eq!(server.requests("DELETE", 202).await, 0);
}

#[tokio::test]
async fn too_many_deletions_are_none() {
    let server = Pushgateway::start().await;
    push_some(&server, 3).await;
    let options = ["--ttl", "1s", "--max-deletes", "2"];
    expired(&server, &["--ttl", "1s"], 3).await;
    let ended = run(&server.url(), &options).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("3 groups would go, more than --max-deletes 2"),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("kept: the pass ended before"),
        "{ended:?}"
    );
    assert_eq!(instances(&server).await.len(), 3);
    assert_eq!(
        run(&server.url(), &["--ttl", "1s", "--max-deletes", "3"])
            .await
            .code,
        0
    );
    assert!(instances(&server).await.is_empty());
}

#[tokio::test]
async fn the_environment_gives_options_and_help_shows_none_of_its_values() {
    let server = Pushgateway::start().await;
    push_some(&server, 2).await;
    expired(&server, &["--ttl", "1s"], 2).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgw-cleaner"));
    command
        .env(
            "PUSHGATEWAY_URL",
            format!("http://alice:hunter2@{}", server.address()),
        )
        .env("PUSHGATEWAY_PASS", "hunter3")
        .env("PGW_CLEANER_TTL", "1")
        .env("PGW_CLEANER_EXCLUDE", "^instance=host-0000\nnothing\n")
        .env("PGW_CLEANER_PROTECT", "instance=none\n")
        .env("PGW_CLEANER_DRY_RUN", "no")
        .env("PGW_CLEANER_OUTPUT", "json");
    let mut process = Process::spawn(&command);
    assert_eq!(process.wait(LONG).await, 0, "{}", process.stderr());
    assert_eq!(instances(&server).await, ["host-0000:1"]);
    assert!(!process.stdout().contains("hunter"));

    for help in ["--help", "-h"] {
        let mut process = Process::spawn(command.arg(help));
        assert_eq!(process.wait(LONG).await, 0);
        let text = process.stdout();
        assert!(
            text.contains("PUSHGATEWAY_URL") && text.contains("127.0.0.1:9091"),
            "{text}"
        );
        for value in ["hunter", "alice", "host-0000", &server.address()] {
            assert!(!text.contains(value), "{value}: {text}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_used_ends_with_2_and_names_what() {
    for (options, text) in [
        (&["--ttl", "never"][..], "--ttl"),
        (
            &["--pushgateway-url", "http://u:hunter2@x:port"],
            "--pushgateway-url",
        ),
        (
            &[
                "--pushgateway-user",
                "x",
                "--pushgateway-pass-file",
                "/does/not/exist",
            ],
            "/does/not/exist",
        ),
        (
            &["--bearer-token-file", "/does/not/exist"],
            "/does/not/exist",
        ),
        (
            &["--client-cert-file", "/does/not/exist"],
            "--client-key-file",
        ),
        (
            &[
                "--pushgateway-url",
                "https://x",
                "--pushgateway-ca-file",
                "/does/not/exist",
            ],
            "/does/not/exist",
        ),
    ] {
        let mut process =
            Process::spawn(Command::new(env!("CARGO_BIN_EXE_pgw-cleaner")).args(options));
        assert_eq!(
            process.wait(LONG).await,
            2,
            "{options:?}: {}",
            process.stderr()
        );
        assert!(
            process.stderr().contains(text),
            "{options:?}: {}",
            process.stderr()
        );
        assert!(
            !process.stderr().contains("hunter2"),
            "{options:?}: {}",
            process.stderr()
        );
    }
}

#[tokio::test]
async fn insecure_is_said_loudly() {
    let server = Pushgateway::start().await;
    let ended = run(&server.url(), &["--insecure"]).await;
    assert!(
        ended.stderr.contains("WARN") && ended.stderr.contains("--insecure"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_signal_ends_a_pass_after_the_deletions_under_way() {
    let server = Pushgateway::start().await;
    push_some(&server, 40).await;
    expired(&server, &["--ttl", "1s"], 40).await;
    let front = Front::start(server.url(), |method, _| {
        Box::pin(async move {
            if method == axum::http::Method::DELETE {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Action::Pass
        })
    })
    .await;
    let mut process = start(
        &front.url(),
        &["--ttl", "1s", "--workers", "1", "--output", "json"],
    );
    let deletions = || front.count(&axum::http::Method::DELETE);
    eventually(LONG, "some deletions", async || deletions() >= 3).await;
    process.terminate();
    assert_eq!(process.wait(LONG).await, 1, "{}", process.stderr());
    assert!(
        process.stderr().contains("stopped by a signal"),
        "{}",
        process.stderr()
    );
    let report: serde_json::Value = serde_json::from_str(&process.stdout()).unwrap();
    assert_eq!(report["deleted"], deletions());
    assert_eq!(instances(&server).await.len(), 40 - deletions());
}

#[tokio::test]
async fn a_reader_that_stops_reading_does_not_stop_the_pass() {
    let server = Pushgateway::start().await;
    push_some(&server, 3).await;
    expired(&server, &["--ttl", "1s"], 3).await;
    let script = format!(
        "{} --pushgateway-url {} --ttl 1s | true; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_pgw-cleaner"),
        server.url()
    );
    let mut process = Process::spawn(Command::new("bash").args(["-c", &script]));
    assert_eq!(
        (process.wait(LONG).await, process.stderr()),
        (0, String::new())
    );
    assert!(instances(&server).await.is_empty());
}
