//! What a method weighs in a scrape, for `docs/metrics.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use metrics_core::{Application, Clock, Config, Families, MethodKey, Metrics, Outcome, Side};

use crate::serving::{ask, full, serve};

/// How far a figure on the page may be from what is measured: the times in it have more digits or fewer.
const TOLERANCE: f64 = 0.05;

const METHODS: usize = 100;

const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// What is exported, how it is asked for, and the names of both on the page.
const ROWS: [(&str, &str, &str, &str); 9] = [
    ("`all`", "all", "text", "text/plain"),
    (
        "`all`",
        "all",
        "OpenMetrics",
        "application/openmetrics-text",
    ),
    ("`all`", "all", "protobuf, with native histograms", PROTOBUF),
    ("`lean`", "lean", "text", "text/plain"),
    (
        "`lean`",
        "lean",
        "OpenMetrics",
        "application/openmetrics-text",
    ),
    (
        "`lean`",
        "lean",
        "protobuf, with native histograms",
        PROTOBUF,
    ),
    ("`lean`, with five bounds", "five", "text", "text/plain"),
    (
        "`lean`, `--metrics-buckets=none`",
        "native",
        "text",
        "text/plain",
    ),
    (
        "`lean`, `--metrics-buckets=none`",
        "native",
        "protobuf, with native histograms",
        PROTOBUF,
    ),
];

/// What has to stay for the project's own rules and dashboard.
const NEEDS: &str = "\n\
    The rules and the dashboard of `prometheus_grafana/` work on `all` and on `lean`; of classic buckets they need the bound of the latency objective,\n\
    250 ms, and quantiles are as exact as the bounds are close: `--metrics-buckets=5ms,25ms,100ms,250ms,1s` is the least that is useful. With\n\
    `none` they need a Prometheus that reads native histograms (before 3.8 `--enable-feature=native-histograms`, since then `scrape_native_histograms: true`)\n\
    and scrapes the process itself: the Pushgateway gets the text format, where nothing but the number and the sum of the calls is left then. All\n\
    processes of an application should have the same bounds: sums over `le` of different ones are wrong.\n\
    \n\
    What is derived rests on rates, and `rate()` needs two samples of a series: calls that a lean process made before its first scrape, or its first push, are in the\n\
    totals but in no rate, share or quantile. So a short job whose rates matter, `client --count` for one, should export `all`: its own windowed figures are right in the first sample.\n";

/// Drops what a lean process leaves out, where Prometheus reads and the process cannot be changed.
const RELABELLING: &str = "\
metric_relabel_configs:
  - source_labels: [__name__]
    regex: dubbo_(provider|consumer)_(qps_total|.*_aggregate|rt_milliseconds_.*|requests_(timeout|limit|failed_service_unavailable|business_failed|unknown_failed)_total)
    action: drop
  - regex: application_version|hostname|ip
    action: labeldrop";

pub(super) fn section(written: &str) -> String {
    let mut section = "\n## Size\n\n\
        What one method in use adds to a scrape: 100 calls over two decades of time, one of which failed. `--metrics-families=lean` leaves out the\n\
        families that can be derived from the rest, when each counter began, and labels that are empty or the same for the whole process\n\
        (they stand on `dubbo_application_info_total`); an error has a series once it has happened. A scrape may ask for either by\n\
        `?families=all` and `?families=lean`, whatever the process was told, apart from the labels. The page at `/` asks for all.\n\n\
        | `--metrics-families` | format | bytes a method | gzip |\n|---|---|---|---|\n"
        .to_owned();
    for ((families, _, format, _), measured) in ROWS.iter().zip(measured()) {
        let begin = format!("| {families} | {format} | ");
        let row = written.lines().find(|line| line.starts_with(&begin));
        let kept = row.filter(|row| {
            let figures = row[begin.len()..]
                .split('|')
                .filter_map(|text| text.trim().replace(',', "").parse::<f64>().ok());
            let figures: Vec<f64> = figures.collect();
            let near =
                |(figure, measured): (&f64, f64)| (figure - measured).abs() <= measured * TOLERANCE;
            figures.len() == 2 && figures.iter().zip(measured).all(near)
        });
        match kept {
            Some(row) => section += row,
            None => {
                let [plain, zipped] = measured.map(|bytes| (bytes / 10.0).round() * 10.0);
                let _ = write!(section, "{begin}{} | {} |", grouped(plain), grouped(zipped));
            }
        }
        section.push('\n');
    }
    section += NEEDS;
    section += "\nWhere the process cannot be changed, Prometheus can leave the same out as it reads; what is sent stays as large:\n\n```yaml\n";
    section + RELABELLING + "\n```\n"
}

fn grouped(number: f64) -> String {
    let number = number as u64;
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", number / 1_000, number % 1_000)
    }
}

/// Returns the bytes of each row of the table, plain and compressed.
fn measured() -> Vec<[f64; 2]> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let sizes = ROWS.iter().map(|(_, what, _, accept)| {
        let [few, many] =
            [1, METHODS + 1].map(|methods| runtime.block_on(size(what, accept, methods)));
        [0, 1].map(|way| (many[way] - few[way]) / METHODS as f64)
    });
    sizes.collect()
}

async fn size(what: &str, accept: &str, methods: usize) -> [f64; 2] {
    let (address, _stop, _task) = serve(&busy(what, methods)).await;
    let request = format!("GET /prometheus HTTP/1.0\r\nhost: x\r\naccept: {accept}\r\n\r\n");
    let (head, body) = ask(&address, &request).await;
    assert!(
        head.contains(accept.split(';').next().expect("a type")),
        "{head}"
    );
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&body).expect("a Vec takes everything");
    let zipped = encoder.finish().expect("a Vec takes everything");
    [body.len() as f64, zipped.len() as f64]
}

/// Returns metrics of an application with names as long as in a cluster, whose methods were all called.
fn busy(what: &str, methods: usize) -> Metrics {
    let (clock, manual) = Clock::manual();
    let mut config = Config::default()
        .application(
            Application::new("dubbo-rust-server")
                .version("0.1.0")
                .hostname("greeter-7c9f6d5b8-x2x4z")
                .ip("10.42.117.203"),
        )
        .clock(clock);
    if what != "all" {
        config.families = Families::Lean;
    }
    match what {
        "native" => config.buckets = Vec::new(),
        "five" => config.buckets = vec![0.005, 0.025, 0.1, 0.25, 1.0],
        _ => {}
    }
    let metrics = Metrics::new(config).expect("legal");
    let bound: Vec<_> = (0..methods)
        .map(|n| {
            let key = MethodKey::new(
                &format!("greet.GreetService{}", n / 10),
                &format!("Greet{}", n % 10),
            );
            metrics.method(Side::Provider, &key)
        })
        .collect();
    let mut now = Duration::ZERO;
    let steps: Vec<Vec<_>> = (0..100)
        .map(|_| bound.iter().map(|method| method.start()).collect())
        .collect();
    for (step, calls) in steps.into_iter().enumerate() {
        let time = Duration::from_secs_f64(0.001 * 10f64.powf(step as f64 / 50.0));
        manual.advance(time - now);
        now = time;
        let outcome = if step == 50 {
            Outcome::TIMEOUT
        } else {
            Outcome::SUCCESS
        };
        calls.into_iter().for_each(|call| call.end(outcome));
    }
    metrics
}

/// The names of the families of a scrape that asks so.
async fn names(families: &str) -> BTreeSet<String> {
    let (address, _stop, _task) = serve(&full()).await;
    let request = format!("GET /prometheus?families={families} HTTP/1.0\r\nhost: x\r\n\r\n");
    let (_, body) = ask(&address, &request).await;
    let text = String::from_utf8(body).expect("it is text");
    let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    heads
        .filter_map(|head| Some(head.split_once(' ')?.0.to_owned()))
        .collect()
}

#[tokio::test]
async fn the_relabelling_drops_what_a_lean_scrape_leaves_out() {
    let line = RELABELLING
        .lines()
        .find_map(|line| line.split_once("regex: "));
    let (_, pattern) = line.expect("a pattern");
    let pattern = regex::Regex::new(&format!("^(?:{pattern})$")).expect("it is legal");
    let (all, lean) = (names("all").await, names("lean").await);
    assert!(
        lean.is_subset(&all) && lean.len() < all.len() - 20,
        "{} of {}",
        lean.len(),
        all.len()
    );
    for name in all {
        assert_eq!(pattern.is_match(&name), !lean.contains(&name), "{name}");
    }
}
