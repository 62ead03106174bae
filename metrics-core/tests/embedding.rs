//! Our families in a registry of the caller's own, and the caller's among ours.

use std::time::Duration;

use http::HeaderMap;
use metrics_core::{Clock, Config, MethodKey, Metrics, Outcome, Side};
use prometheus::core::{Collector, Desc};
use prometheus::{Histogram, HistogramOpts, IntGauge, Opts, Registry, TextEncoder, proto};

const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

fn measured(labels: Vec<(String, String)>) -> Metrics {
    let (clock, manual) = Clock::manual();
    let metrics = Metrics::new(Config::default().clock(clock).labels(labels)).expect("legal");
    let method = metrics.method(Side::Provider, &MethodKey::new("x.Y", "Z"));
    for outcome in [Outcome::SUCCESS, Outcome::INTERNAL] {
        let call = method.start();
        manual.advance(Duration::from_millis(30));
        call.end(outcome);
    }
    metrics
}

/// Returns the samples of families whose names begin so, without empty labels.
fn samples(text: &str, prefix: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with(prefix));
    let mut lines: Vec<_> = lines
        .map(|line| {
            let (head, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = head.split_once('{').unwrap_or((head, ""));
            let labels = labels.trim_end_matches('}');
            let mut labels: Vec<_> = labels
                .split(',')
                .filter(|label| !label.is_empty() && !label.ends_with("=\"\""))
                .collect();
            labels.sort_unstable();
            let value: f64 = value.trim().parse().expect("a number");
            format!("{name}{{{}}} {value}", labels.join(","))
        })
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_registry_of_the_callers_own_has_every_family_with_the_same_samples() {
    let metrics = measured(Vec::new());
    let registry = Registry::new();
    registry
        .register(Box::new(metrics.collector()))
        .expect("no family is there");
    let theirs = TextEncoder::new()
        .encode_to_string(&registry.gather())
        .expect("it is legal");
    let ours = metrics.text();
    let expected = samples(&ours, "dubbo_");
    assert!(expected.len() > 50, "{ours}");
    assert_eq!(samples(&theirs, "dubbo_"), expected);
    let again = registry.register(Box::new(metrics.collector()));
    assert!(again.is_err(), "no family is there twice");
}

#[test]
fn a_registry_with_a_prefix_and_labels_applies_them() {
    let labels = [("zone".to_owned(), "b".to_owned())].into();
    let registry = Registry::new_custom(Some("shop".to_owned()), Some(labels)).expect("legal");
    registry
        .register(Box::new(measured(Vec::new()).collector()))
        .expect("no family is there");
    let text = TextEncoder::new()
        .encode_to_string(&registry.gather())
        .expect("it is legal");
    let line = text
        .lines()
        .find(|line| line.starts_with("shop_dubbo_provider_requests_total{"));
    assert!(
        line.is_some_and(|line| line.contains("zone=\"b\"")),
        "{text}"
    );
}

#[test]
fn families_of_the_caller_stand_in_every_format() {
    let metrics = measured(Vec::new());
    let took =
        Histogram::with_opts(HistogramOpts::new("took_seconds", "Time").buckets(vec![0.1, 1.0]));
    let took = took.expect("legal");
    took.observe(0.5);
    let rooms = IntGauge::with_opts(Opts::new("rooms", "Rooms").const_label("floor", "1"));
    let rooms = rooms.expect("legal");
    rooms.set(3);
    metrics
        .prometheus_registry()
        .register(Box::new(took))
        .expect("new");
    metrics
        .prometheus_registry()
        .register(Box::new(rooms))
        .expect("new");
    for (accept, bucket) in [
        ("text/plain", "took_seconds_bucket{le=\"1\"} 1\n"),
        (
            "application/openmetrics-text",
            "took_seconds_bucket{le=\"1.0\"} 1\n",
        ),
    ] {
        let scrape = metrics.scrape(&HeaderMap::from_iter([(
            http::header::ACCEPT,
            accept.parse().expect("ASCII"),
        )]));
        assert!(
            scrape.content_type.starts_with(accept),
            "{}",
            scrape.content_type
        );
        let text = String::from_utf8(scrape.body).expect("it is text");
        assert!(
            text.contains(bucket) && text.contains("rooms{floor=\"1\"} 3\n"),
            "{text}"
        );
    }
}

/// Asks for one scrape.
fn scraped(metrics: &Metrics, accept: &str) -> Vec<u8> {
    let accept = accept.parse().expect("ASCII");
    let headers = HeaderMap::from_iter([(http::header::ACCEPT, accept)]);
    metrics.scrape(&headers).body
}

#[test]
fn a_family_of_the_callers_with_a_name_of_ours_is_left_out() {
    let metrics = measured(Vec::new());
    let names = [
        #[cfg(target_os = "linux")]
        "process_max_fds",
        "dubbo_application_info_total",
        "dubbo_application_info",
    ];
    for name in names.iter().chain(&["rooms"]) {
        let gauge = IntGauge::new(*name, "Mine").expect("legal");
        let registry = metrics.prometheus_registry();
        registry.register(Box::new(gauge)).expect("new");
    }
    for accept in ["text/plain", "application/openmetrics-text"] {
        let text = String::from_utf8(scraped(&metrics, accept)).expect("it is text");
        assert_eq!(text.matches(" Mine\n").count(), 1, "{text}");
        assert!(text.contains("rooms 0\n"), "{text}");
        let heads = text.lines().filter(|line| line.starts_with("# TYPE "));
        let heads: Vec<_> = heads.map(|line| line.split(' ').nth(2)).collect();
        let distinct: std::collections::HashSet<_> = heads.iter().collect();
        assert_eq!(distinct.len(), heads.len(), "{text}");
    }
}

/// A collector that gives what it is told to, and panics when that is nothing.
struct Broken(Vec<Desc>, Option<proto::MetricFamily>);

impl Broken {
    fn new(name: &str, family: Option<proto::MetricFamily>) -> Box<Self> {
        let desc = Desc::new(
            name.to_owned(),
            "x".to_owned(),
            Vec::new(),
            Default::default(),
        );
        Box::new(Self(vec![desc.expect("legal")], family))
    }
}

impl Collector for Broken {
    fn desc(&self) -> Vec<&Desc> {
        self.0.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        vec![self.1.clone().expect("this collector is broken")]
    }
}

fn family(name: &str, kind: proto::MetricType, metric: proto::Metric) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help("x".to_owned());
    family.set_field_type(kind);
    family.set_metric(vec![metric]);
    family
}

#[test]
fn collectors_that_break_the_rules_do_not_take_away_the_rest() {
    let metrics = measured(Vec::new());
    let registry = metrics.prometheus_registry();
    // Counts that are not cumulative, and what has no type.
    let mut histogram = proto::Histogram::default();
    let buckets = [(1.0, 5), (2.0, 3)].map(|(bound, count)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    histogram.set_bucket(buckets.into());
    histogram.set_sample_count(4);
    let mut metric = proto::Metric::default();
    metric.set_histogram(histogram);
    let backwards = family("backwards", proto::MetricType::HISTOGRAM, metric);
    let untyped = family(
        "untyped",
        proto::MetricType::UNTYPED,
        proto::Metric::default(),
    );
    for (name, broken) in [("backwards", backwards), ("untyped", untyped)] {
        let broken = Broken::new(name, Some(broken));
        registry.register(broken).expect("new");
    }
    let formats = ["text/plain", "application/openmetrics-text", PROTOBUF];
    for accept in formats {
        let body = scraped(&metrics, accept);
        let text = String::from_utf8_lossy(&body);
        for name in ["dubbo_provider_requests_total", "backwards", "untyped"] {
            assert!(text.contains(name), "{accept}: {text}");
        }
    }
    registry.register(Broken::new("panics", None)).expect("new");
    for accept in formats {
        let body = scraped(&metrics, accept);
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("dubbo_provider_requests_total"), "{text}");
        assert!(!text.contains("backwards"), "{text}");
    }
}

#[test]
fn further_labels_stand_on_every_family_of_ours() {
    let metrics = measured(vec![("zone".to_owned(), "eu \"b\"".to_owned())]);
    let text = metrics.text();
    let ours: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("dubbo_"))
        .collect();
    assert!(ours.len() > 50, "{text}");
    for line in ours {
        assert!(line.contains("zone=\"eu \\\"b\\\"\""), "{line}");
    }
}
