//! What others read is what they accept: curl, promtool.
#![expect(clippy::unwrap_used, reason = "these helpers run in tests only")]

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use e2e::Program;
use test_servers::ZooKeeper;

/// What `promtool check metrics` says about dubbo-go's own names, which existing dashboards need, with the reason why
/// each finding is no mistake of ours.
const KNOWN_LINTS: [(&str, &str); 5] = [
    (
        "non-counter metrics should not have \"_total\" suffix",
        "dubbo-go names gauges so: dubbo_provider_qps_total",
    ),
    (
        "use base unit \"seconds\" instead of \"milliseconds\"",
        "dubbo-go's response times are in milliseconds",
    ),
    (
        "non-histogram and non-summary metrics should not have \"_sum\" suffix",
        "dubbo-go exports the sum as a gauge",
    ),
    (
        "non-histogram and non-summary metrics should not have \"_count\" suffix",
        "Dubbo's dashboards ask for dubbo_thread_pool_thread_count",
    ),
    (
        "metric names should not contain abbreviated units",
        "dubbo-go's rt is no unit",
    ),
];

fn curl(arguments: &[&str]) -> Output {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30"])
        .args(["--noproxy", "*"])
        .args(arguments)
        .output();
    output.expect("curl is a Debian package that ./test.sh installs")
}

/// Returns what `promtool check metrics` says about a scrape.
fn lints(scrape: &str) -> String {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool comes with the Debian package prometheus");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(scrape.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[tokio::test]
async fn curl_and_promtool_accept_what_both_processes_serve() {
    let zookeeper = ZooKeeper::start().await;
    let server = Program::start(Program::server(&zookeeper.address()).args(["--push=false"]));
    let client = Program::start(Program::client(&zookeeper.address()).args(["--push=false"]));
    client.greeted(5).await;
    for (program, family) in [
        (&server, "dubbo_provider_requests_total{"),
        (&client, "dubbo_consumer_requests_total{"),
    ] {
        let url = program.metrics_url().await;
        let plain = curl(&["--include", &url]);
        let plain = String::from_utf8_lossy(&plain.stdout);
        assert!(plain.starts_with("HTTP/1.1 200 OK"), "{plain}");
        let header = "content-type: text/plain; version=0.0.4";
        assert!(plain.to_lowercase().contains(header), "{plain}");
        assert!(plain.contains(family), "{plain}");

        let packed = curl(&["--include", "--compressed", &url]);
        let packed = String::from_utf8_lossy(&packed.stdout);
        assert!(
            packed.to_lowercase().contains("content-encoding: gzip"),
            "{packed}"
        );
        assert!(packed.contains(family), "curl unpacks what is served");

        let missing = curl(&[
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            &url.replace("/prometheus", "/nothing"),
        ]);
        assert_eq!(String::from_utf8_lossy(&missing.stdout), "404");

        let scrape = String::from_utf8(curl(&[&url]).stdout).unwrap();
        let said = lints(&scrape);
        let unknown: Vec<&str> = said
            .lines()
            .filter(|line| !KNOWN_LINTS.iter().any(|(lint, _)| line.ends_with(lint)))
            .collect();
        assert!(unknown.is_empty(), "{unknown:#?}");
        for line in said.lines() {
            assert!(
                line.starts_with("dubbo_"),
                "only dubbo-go's names are excused: {line}"
            );
        }
    }
}
