//! The endpoint and the probes over real connections, and the text as Prometheus's own tools see it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::scrape::Scrape;
use metrics_core::{
    Application, Config, DirectorySizes, Endpoint, MethodKey, Metrics, Outcome, Probes, Readiness,
    Side, families,
};
use test_servers::{LONG, Prometheus, eventually, get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Metrics in which every family has a sample.
pub(crate) fn full() -> Metrics {
    let application = Application::default().name("shop");
    let metrics = Metrics::new(Config::default().application(application)).expect("legal");
    for side in [Side::Provider, Side::Consumer] {
        let method = metrics.method(side, &MethodKey::new("x.\"Y\"", "Z\\"));
        for code in 0..20 {
            method.start().end(Outcome::from_code(code));
        }
        method.attempted(true);
    }
    let (registry, took) = (metrics.discovery(), Duration::from_millis(3));
    registry.registered(true, took);
    registry.subscribed("x.Y", false, took);
    registry.notified(2, took);
    registry.metadata_pushed(true, took);
    registry.metadata_fetched(true, took);
    registry.metadata_stored("x.Y", true, took);
    registry.directory("x.Y", DirectorySizes::default());
    registry.session_started();
    registry.malformed();
    metrics
}

pub(crate) async fn serve(
    metrics: &Metrics,
) -> (String, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    (
        address,
        stop,
        tokio::spawn(Endpoint::new(metrics).serve(listener, shutdown)),
    )
}

#[tokio::test]
async fn the_endpoint_serves_the_text_and_a_page_and_stops() {
    let metrics = full();
    let (address, stop, task) = serve(&metrics).await;
    let text = get(&format!("http://{address}/prometheus"))
        .await
        .expect("an answer");
    assert_eq!(text.status, 200);
    assert_eq!(
        Scrape::parse(&text.body).value("dubbo_provider_requests_total"),
        20.0
    );
    let page = get(&format!("http://{address}/")).await.expect("an answer");
    assert!(
        page.status == 200 && page.body.contains("href=\"prometheus\""),
        "{}",
        page.body
    );
    assert_eq!(
        get(&format!("http://{address}/metrics"))
            .await
            .expect("an answer")
            .status,
        404
    );
    stop.send(()).expect("it serves");
    task.await.expect("it does not panic");
}

/// Sends a request, and returns the answer's head in small letters, and its body.
pub(crate) async fn ask(address: &str, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("the end of the head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    (head, answer.split_off(end + 4))
}

#[tokio::test]
async fn the_page_allows_its_own_style_and_script_and_nothing_else() {
    let (address, _stop, _task) = serve(&full()).await;
    let (head, _) = ask(&address, "GET / HTTP/1.0\r\nhost: x\r\n\r\n").await;
    let policy = head
        .lines()
        .find_map(|line| line.strip_prefix("content-security-policy: "))
        .expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"),
        "{policy}"
    );
    for line in [
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-cache",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
}

#[tokio::test]
async fn an_endpoint_without_the_page_serves_the_text_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let endpoint = Endpoint::new(&full()).page(false);
    tokio::spawn(endpoint.serve(listener, std::future::pending()));
    for (path, status) in [("", 404), ("prometheus", 200)] {
        let answer = get(&format!("http://{address}/{path}")).await;
        assert_eq!(answer.expect("an answer").status, status, "/{path}");
    }
}

#[tokio::test]
async fn other_methods_and_codings_get_what_http_says() {
    let (address, _stop, _task) = serve(&full()).await;
    for (method, headers, status, body_expected) in [
        ("HEAD", "", 200, false),
        ("POST", "content-length: 0\r\n", 405, false),
        ("GET", "accept-encoding: zstd, br\r\n", 200, true),
        ("GET", "accept-encoding: identity, gzip;q=0\r\n", 200, true),
        ("GET", "accept: text/plain;version=9.9;q=1\r\n", 200, true),
        ("GET", "accept: ;;q=,,=\r\n", 200, true),
    ] {
        let request = format!("{method} /prometheus HTTP/1.0\r\nhost: x\r\n{headers}\r\n");
        let (head, body) = ask(&address, &request).await;
        let line = head.lines().next().expect("a first line").to_owned();
        assert!(
            line.contains(&format!(" {status} ")),
            "{method} {headers}: {head}"
        );
        assert!(!head.contains("content-encoding"), "{headers}: {head}");
        let text = String::from_utf8(body).expect("it is not compressed");
        assert_eq!(
            text.contains("dubbo_provider_requests_total"),
            body_expected
        );
        assert_eq!(text.is_empty(), !body_expected, "{method}: {text}");
        if status == 200 {
            let kind = "content-type: text/plain; version=0.0.4; charset=utf-8";
            assert!(head.lines().any(|line| line == kind), "{head}");
        }
    }
}

#[tokio::test]
async fn the_text_is_compressed_for_those_who_take_gzip() {
    let (address, _stop, _task) = serve(&full()).await;
    let request = "GET /prometheus HTTP/1.0\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n";
    let (head, body) = ask(&address, request).await;
    assert!(
        head.contains("content-encoding: gzip") && head.contains("version=0.0.4"),
        "{head}"
    );
    let mut text = String::new();
    flate2::read::GzDecoder::new(body.as_slice())
        .read_to_string(&mut text)
        .expect("gzip");
    assert_eq!(
        Scrape::parse(&text).value("dubbo_consumer_requests_total"),
        20.0
    );
}

#[tokio::test]
async fn prometheus_reads_every_family() {
    let metrics = full();
    let (address, _stop, _task) = serve(&metrics).await;
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: dubbo\n  metrics_path: /prometheus\n  static_configs: [{{targets: ['{address}']}}]\n"
    );
    let prometheus = Prometheus::start(&config).await;
    eventually(LONG, "Prometheus has the calls", async || {
        let samples = prometheus
            .query("dubbo_provider_requests_total{interface='x.\"Y\"',method='Z\\\\'}")
            .await;
        samples.first().is_some_and(|sample| sample.value == 20.0)
    })
    .await;
    let names: BTreeSet<String> = Scrape::of(&metrics)
        .names()
        .filter(|name| name.starts_with("dubbo_"))
        .collect();
    for name in names {
        let samples = prometheus.query(&format!("{name}{{job='dubbo'}}")).await;
        assert!(!samples.is_empty(), "Prometheus has no {name}");
    }
}

#[tokio::test]
async fn the_probes_follow_the_life_of_the_process() {
    let readiness = Readiness::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(Probes::new(&readiness).serve(listener, std::future::pending()));
    let statuses = async || {
        let mut statuses = Vec::new();
        for path in ["live", "ready", "startup"] {
            statuses.push(
                get(&format!("http://{address}/{path}"))
                    .await
                    .expect("an answer")
                    .status,
            );
        }
        statuses
    };
    let reason = async || {
        get(&format!("http://{address}/ready"))
            .await
            .expect("an answer")
            .body
    };
    assert_eq!(statuses().await, [200, 503, 200], "starting");
    readiness.waiting("waiting for the moon");
    assert_eq!(reason().await, "probe ready: waiting for the moon");
    readiness.set();
    readiness.waiting("waiting for the moon");
    assert_eq!(statuses().await, [200, 200, 200], "ready");
    assert!(readiness.is_set());
    readiness.unset("stopping");
    assert_eq!(statuses().await, [200, 503, 200], "stopping");
    readiness.waiting("waiting for the moon");
    assert_eq!(reason().await, "probe ready: stopping");
}

/// What promtool says against names that are Dubbo's, and that dashboards know: the lint's text, and why it stays.
const KNOWN_LINTS: [(&str, &str); 3] = [
    (
        "non-counter metrics should not have \"_total\" suffix",
        "Dubbo's gauges of the window and of calls in flight end in _total",
    ),
    (
        "use base unit \"seconds\" instead of \"milliseconds\"",
        "Dubbo's times are in milliseconds",
    ),
    (
        "non-histogram and non-summary metrics should not have \"_sum\" suffix",
        "Dubbo's sums of times are gauges",
    ),
];

#[test]
fn promtool_finds_nothing_but_the_names_that_are_dubbos() {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed with Prometheus");
    let mut input = promtool.stdin.take().expect("it is piped");
    input.write_all(full().text().as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let lints = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert!(!lints.contains("error while linting"), "{lints}");
    let ours: BTreeSet<_> = families()
        .into_iter()
        .filter(|family| family.remark.starts_with("Not in"))
        .map(|family| family.name)
        .collect();
    for line in lints.lines().filter(|line| !line.trim().is_empty()) {
        let (name, lint) = line.split_once(' ').unwrap_or((line, ""));
        assert!(
            KNOWN_LINTS.iter().any(|(known, _)| lint.contains(known)),
            "an unknown lint: {line}"
        );
        assert!(
            !ours.contains(name),
            "a family of our own with a bad name: {line}"
        );
    }
    assert!(
        lints.contains("dubbo_provider_qps_total"),
        "promtool looked at the text: {lints}"
    );
}
