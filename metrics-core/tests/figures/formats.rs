//! The formats beside the text, as Prometheus and its Python library read them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use std::io::Write;

use crate::serving::{ask, full, serve};
use metrics_core::{Clock, Config, MethodKey, Metrics, Outcome, Side};
use test_servers::{LONG, Prometheus, PrometheusVersion, eventually};

/// For a server with nothing beside its configuration.
const NO_FILES: &[(&str, &str)] = &[];

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";

/// Prints how many families the strict parser finds in OpenMetrics, and ends with an error when it finds a fault.
const PARSE: &str = "import sys\n\
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
print(len(list(parse(sys.stdin.read()))))";

/// Returns a Python that has `prometheus_client`, installed from PyPI once; none where there is no Python.
fn python() -> Option<PathBuf> {
    let venv = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("prometheus-client");
    let python = venv.join("bin/python");
    let has_client = |python: &PathBuf| {
        let command = Command::new(python)
            .args(["-c", "import prometheus_client"])
            .output();
        command.is_ok_and(|output| output.status.success())
    };
    if has_client(&python) {
        return Some(python);
    }
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&venv)
        .output()
        .ok()?;
    let installed = made.status.success().then(|| {
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "prometheus-client==0.22.1",
        ])
        .output()
        .ok()
    });
    drop(installed);
    has_client(&python).then_some(python)
}

#[tokio::test]
async fn the_strict_parser_of_prometheus_own_python_library_takes_openmetrics() {
    let (address, _stop, _task) = serve(&full()).await;
    let request = format!("GET /prometheus HTTP/1.0\r\nhost: x\r\naccept: {OPENMETRICS}\r\n\r\n");
    let (head, body) = ask(&address, &request).await;
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    let text = String::from_utf8(body).expect("it is text");
    assert!(text.ends_with("# EOF\n") && text.contains("_created{") && text.contains("# UNIT "));
    parse_strictly(&text);
}

/// Has the strict parser read a text, which is to find every family.
pub(crate) fn parse_strictly(text: &str) {
    let Some(python) = python() else {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "nothing is left out with CI=true"
        );
        let _ = writeln!(
            std::io::stderr(),
            "LEFT OUT: the strict parser: python3 with venv, or PyPI, is not there"
        );
        return;
    };
    let mut parser = Command::new(python)
        .args(["-c", PARSE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was just asked");
    parser
        .stdin
        .take()
        .expect("it is piped")
        .write_all(text.as_bytes())
        .expect("it reads");
    let output = parser.wait_with_output().expect("it ends");
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    let families = text
        .lines()
        .filter(|line| line.starts_with("# TYPE "))
        .count();
    assert_eq!(found, families.to_string());
}

#[tokio::test]
async fn prometheus_answers_quantiles_and_counts_of_native_histograms() {
    let (clock, manual) = Clock::manual();
    let metrics = Metrics::new(Config::default().clock(clock)).expect("legal");
    // Each method takes one time, which is where the edges of buckets matter most.
    let times = [0.000_3, 0.001_05, 0.010, 0.25, 1.0, 33.3];
    for (place, seconds) in times.iter().enumerate() {
        let method = metrics.method(Side::Provider, &MethodKey::new("x.Y", &format!("m{place}")));
        for _ in 0..100 {
            let call = method.start();
            manual.advance(Duration::from_secs_f64(*seconds));
            call.end(Outcome::SUCCESS);
        }
    }
    let (address, _stop, _task) = serve(&metrics).await;
    for version in PrometheusVersion::all() {
        answers_of(version, &address, &times).await;
    }
}

/// Asks a Prometheus of this version for what it read by protobuf: in each method, a hundred calls of one time.
async fn answers_of(version: PrometheusVersion, address: &str, times: &[f64]) {
    let prometheus = Prometheus::start_native(version, &config(address, ""), NO_FILES, "").await;
    for (place, seconds) in times.iter().enumerate() {
        let selector = format!("dubbo_provider_request_duration_seconds{{method='m{place}'}}");
        let count = eventually(LONG, "Prometheus has the histogram", async || {
            prometheus
                .query(&format!("histogram_count({selector})"))
                .await
                .first()
                .cloned()
        })
        .await;
        assert_eq!(count.value, 100.0, "{version:?}");
        for quantile in ["0.01", "0.5", "0.99"] {
            let query = format!("histogram_quantile({quantile}, {selector})");
            let sample = prometheus.query(&query).await.remove(0);
            let off = (sample.value - seconds).abs() / seconds;
            assert!(
                off <= 0.05,
                "{version:?}: {quantile} of {seconds} s is {} s",
                sample.value
            );
        }
    }
}

/// Returns a configuration that scrapes an endpoint every second, with further settings of the job.
fn config(address: &str, settings: &str) -> String {
    format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: dubbo\n  metrics_path: /prometheus\n{settings}  static_configs: [{{targets: ['{address}']}}]\n"
    )
}

#[tokio::test]
async fn prometheus_3_reads_the_same_in_each_format_that_it_asks_for() {
    if !PrometheusVersion::all().contains(&PrometheusVersion::Current) {
        // It is built; what needs Go is named by test.sh where there is none.
        return;
    }
    let (clock, manual) = Clock::manual();
    let metrics = Metrics::new(Config::default().clock(clock)).expect("legal");
    let method = metrics.method(Side::Provider, &MethodKey::new("x.Y", "größe \"1\""));
    for seconds in [1, 3] {
        let call = method.start();
        manual.advance(Duration::from_secs(seconds));
        call.end(Outcome::SUCCESS);
    }
    let (address, _stop, _task) = serve(&metrics).await;
    // A job for each way to ask.
    let mut jobs = Vec::new();
    let mut config = "global:\n  scrape_interval: 1s\nscrape_configs:\n".to_owned();
    for protocol in [
        "PrometheusProto",
        "OpenMetricsText1.0.0",
        "OpenMetricsText0.0.1",
        "PrometheusText1.0.0",
        "PrometheusText0.0.4",
    ] {
        for (escaping, names) in [
            ("allow-utf-8", "utf8"),
            ("underscores", "legacy"),
            ("dots", "legacy"),
            ("values", "legacy"),
        ] {
            let job = format!("{protocol}/{escaping}");
            config += &format!(
                "- job_name: {job}\n  metrics_path: /prometheus\n  scrape_protocols: [{protocol}]\n  metric_name_escaping_scheme: {escaping}\n  metric_name_validation_scheme: {names}\n  static_configs: [{{targets: ['{address}']}}]\n"
            );
            jobs.push(job);
        }
    }
    let prometheus = Prometheus::start_version(PrometheusVersion::Current, &config, NO_FILES).await;
    for job in jobs {
        for (family, value) in [
            ("requests_total", 2.0),
            ("request_duration_seconds_sum", 4.0),
            ("request_duration_seconds_count", 2.0),
        ] {
            let query = format!("dubbo_provider_{family}{{job='{job}',method='größe \"1\"'}}");
            let sample = eventually(LONG, &query, async || {
                prometheus.query(&query).await.first().cloned()
            })
            .await;
            assert_eq!(sample.value, value, "{query}");
        }
    }
}
