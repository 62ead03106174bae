//! The daemon: passes, metrics, probes, faults and its stop.

use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use test_servers::{Authority, LONG, Pushgateway, eventually};

use crate::support::{Action, Daemon, Front, instances, push_some, run};

#[tokio::test]
async fn it_deletes_what_expires_and_tells_of_it() {
    let server = Pushgateway::start().await;
    push_some(&server, 3).await;
    let daemon = Daemon::start(&server.url(), &["--ttl", "1s", "--output", "json"]);
    daemon.reaches("pgw_cleaner_deleted_total", &[], 3.0).await;
    eventually(LONG, "all are gone", async || {
        instances(&server).await.is_empty()
    })
    .await;
    daemon
        .reaches("pgw_cleaner_passes_total", &[("result", "success")], 3.0)
        .await;
    eventually(LONG, "a pass that finds none", async || {
        match daemon
            .value("pgw_cleaner_groups", &[("verdict", "expired")])
            .await
        {
            Ok(0.0) => Ok(()),
            seen => Err(seen),
        }
    })
    .await;

    assert!(
        daemon
            .value("pgw_cleaner_checked_total", &[])
            .await
            .unwrap()
            >= 3.0
    );
    assert_eq!(
        daemon.value("pgw_cleaner_errors_total", &[]).await.unwrap(),
        0.0
    );
    assert!(
        daemon
            .value("pgw_cleaner_last_success_timestamp_seconds", &[])
            .await
            .unwrap()
            > 1.7e9
    );
    assert!(
        daemon
            .value("pgw_cleaner_pass_duration_seconds_count", &[])
            .await
            .unwrap()
            >= 3.0
    );
    assert_eq!(
        (daemon.status("/live").await, daemon.status("/ready").await),
        (200, 200)
    );
    assert_eq!(
        (daemon.status("/").await, daemon.status("/nothing").await),
        (200, 404)
    );
    let lines = daemon.process.stdout();
    let reports: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        reports
            .iter()
            .filter_map(|report| report["deleted"].as_u64())
            .sum::<u64>(),
        3
    );
    assert!(daemon.stop().await.contains("stopped"));
}

#[tokio::test]
async fn it_lives_on_while_the_gateway_is_away_and_recovers() {
    let mut server = Pushgateway::start().await;
    server.kill();
    let daemon = Daemon::start(&server.url(), &["--ttl", "1s"]);
    daemon
        .reaches(
            "pgw_cleaner_failures_total",
            &[("reason", "unreachable")],
            1.0,
        )
        .await;
    assert_eq!(
        (daemon.status("/live").await, daemon.status("/ready").await),
        (200, 503)
    );

    server.restart().await;
    daemon
        .reaches("pgw_cleaner_passes_total", &[("result", "success")], 1.0)
        .await;
    assert_eq!(daemon.status("/ready").await, 200);
    push_some(&server, 2).await;
    daemon.reaches("pgw_cleaner_deleted_total", &[], 2.0).await;

    server.kill();
    let failed = daemon
        .value("pgw_cleaner_passes_total", &[("result", "failure")])
        .await
        .unwrap();
    daemon
        .reaches(
            "pgw_cleaner_passes_total",
            &[("result", "failure")],
            failed + 1.0,
        )
        .await;
    assert_eq!(
        daemon.status("/ready").await,
        200,
        "it has shown that it works"
    );
    assert!(daemon.stop().await.contains("cannot reach the Pushgateway"));
}

#[tokio::test]
async fn it_counts_each_kind_of_failure() {
    let server = Pushgateway::start().await;
    let front = Front::start(server.url(), |_, before| {
        Box::pin(async move {
            match before {
                0 => Action::Answer(401),
                1 => Action::Answer(200),
                2 => {
                    tokio::time::sleep(LONG).await;
                    Action::Pass
                }
                3 => Action::PassAhead(Duration::from_secs(3600)),
                _ => Action::Pass,
            }
        })
    })
    .await;
    let daemon = Daemon::start(&front.url(), &["--list-timeout", "500ms"]);
    // The fourth reading is ahead of the second, and the fifth is back again: that makes two.
    for reason in ["refused", "garbage", "timeout", "clock"] {
        daemon
            .reaches("pgw_cleaner_failures_total", &[("reason", reason)], 1.0)
            .await;
    }
    daemon
        .reaches("pgw_cleaner_passes_total", &[("result", "success")], 2.0)
        .await;
    assert_eq!(
        daemon.value("pgw_cleaner_errors_total", &[]).await.unwrap(),
        5.0
    );
    daemon.stop().await;
}

#[tokio::test]
async fn it_never_makes_two_passes_at_a_time() {
    let server = Pushgateway::start().await;
    let front = Front::start(server.url(), |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Action::Pass
        })
    })
    .await;
    // Each pass takes longer than the interval.
    let daemon = Daemon::start(&front.url(), &["--interval", "1ms"]);
    let passes = daemon
        .reaches("pgw_cleaner_passes_total", &[("result", "success")], 5.0)
        .await;
    let readings = front.count(&Method::GET) as f64;
    assert!(
        readings <= passes + 2.0,
        "{readings} readings in {passes} passes"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn it_stops_in_the_middle_of_a_hanging_pass() {
    let front = Front::start("http://127.0.0.1:1".into(), |_, _| {
        Box::pin(std::future::pending())
    })
    .await;
    let daemon = Daemon::start(&front.url(), &["--list-timeout", "1h"]);
    eventually(LONG, "a reading is under way", async || {
        front.count(&Method::GET) == 1
    })
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn an_address_in_use_is_an_error_at_the_start() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run("127.0.0.1:1", &["--daemon", "--metrics-addr", &address]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains(&address) && ended.stderr.contains("--metrics-addr"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn it_asks_for_a_login_before_its_figures_and_not_before_its_probes() {
    let server = Pushgateway::start().await;
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let options = [
        "--metrics-user",
        "prometheus",
        "--metrics-pass-file",
        password.to_str().unwrap(),
    ];
    let daemon = Daemon::start(&server.url(), &options);
    eventually(LONG, "it is ready", async || {
        let status = daemon.status("/ready").await;
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
    assert_eq!(daemon.status("/live").await, 200);
    assert_eq!(
        (daemon.status("/metrics").await, daemon.status("/").await),
        (401, 401)
    );
    let log = daemon.stop().await;
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_named_with_its_option() {
    let file = "/no/such/file";
    let options = [
        "--daemon",
        "--metrics-tls-cert",
        file,
        "--metrics-tls-key",
        file,
    ];
    let ended = run("127.0.0.1:1", &options).await;
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for part in ["--metrics-tls-cert", file] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}

/// The user `alice` with a password, and the password, as bcrypt spells it.
const FIRST: (&str, &str) = (
    "first-password",
    "$2b$04$abcdefghijklmnopqrstuuT2j8U6U5rBY6aIOMzZiJOWuJPYKLLOe",
);
const SECOND: (&str, &str) = (
    "second-password",
    "$2b$04$abcdefghijklmnopqrstuukluLair1GoPMg9PQfjHAu2MGkeVdhk2",
);

/// Writes what a gateway shows and asks for, and returns the authority, which has written what opens it.
fn guard(folder: &Path, (_, hash): (&str, &str)) -> Authority {
    let authority = Authority::new();
    let shown = authority.issue("gateway", &["127.0.0.1"]);
    let config = format!(
        "tls_server_config:\n  cert_file: {}\n  key_file: {}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {}\n\
         basic_auth_users:\n  alice: {hash}\n",
        shown.cert.display(),
        shown.key.display(),
        authority.file().display()
    );
    std::fs::write(folder.join("web.yml"), config).expect("the folder is writable");
    authority
}

/// Renews the files of the cleaner, one after the other.
fn renew(folder: &Path, authority: &Authority, (password, _): (&str, &str)) {
    let own = authority.issue("cleaner", &[]);
    std::fs::copy(own.key, folder.join("cleaner.key")).expect("the folder is writable");
    std::fs::copy(own.cert, folder.join("cleaner.pem")).expect("the folder is writable");
    std::fs::copy(authority.file(), folder.join("ca.pem")).expect("the folder is writable");
    std::fs::write(folder.join("password"), password).expect("the folder is writable");
}

#[tokio::test]
async fn a_renewed_certificate_authority_and_password_are_used_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = |name: &str| folder.join(name).display().to_string();
    let authority = guard(folder, FIRST);
    renew(folder, &authority, FIRST);
    let argument = format!("--web.config.file={}", file("web.yml"));
    let mut server = Pushgateway::start_with(&[&argument]).await;
    let options = [
        "--pushgateway-ca-file",
        &file("ca.pem"),
        "--client-cert-file",
        &file("cleaner.pem"),
        "--client-key-file",
        &file("cleaner.key"),
        "--pushgateway-user",
        "alice",
        "--pushgateway-pass-file",
        &file("password"),
    ];
    let daemon = Daemon::start(&format!("https://{}", server.address()), &options);
    let success = [("result", "success")];
    daemon
        .reaches("pgw_cleaner_passes_total", &success, 1.0)
        .await;

    // Another authority and another password at the gateway: nothing that the cleaner has opens it any more.
    let other = guard(folder, SECOND);
    server.restart().await;
    daemon
        .reaches("pgw_cleaner_passes_total", &[("result", "failure")], 1.0)
        .await;
    let before = daemon
        .value("pgw_cleaner_passes_total", &success)
        .await
        .unwrap();
    renew(folder, &other, SECOND);
    daemon
        .reaches("pgw_cleaner_passes_total", &success, before + 2.0)
        .await;

    // A password alone, which the gateway reads for each request.
    let config = std::fs::read_to_string(file("web.yml")).unwrap();
    std::fs::write(file("web.yml"), config.replace(SECOND.1, FIRST.1)).unwrap();
    let refused = [("reason", "refused")];
    daemon
        .reaches("pgw_cleaner_failures_total", &refused, 1.0)
        .await;
    let before = daemon
        .value("pgw_cleaner_passes_total", &success)
        .await
        .unwrap();
    std::fs::write(file("password"), FIRST.0).unwrap();
    daemon
        .reaches("pgw_cleaner_passes_total", &success, before + 2.0)
        .await;
    let log = daemon.stop().await;
    for secret in [FIRST.0, SECOND.0] {
        assert!(!log.contains(secret), "{log}");
    }
}
