//! Families of the caller's own, odd labels and exemplars, as the strict parser of Prometheus's Python library reads them.

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use metrics_core::{Clock, Config, MethodKey, Metrics, Outcome, Side};
use prometheus::core::{Collector, Desc};
use prometheus::{
    Counter, Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry, proto,
};

use crate::formats::parse_strictly;

/// A text that has everything that must be escaped, and more.
const ODD: &str = "\"a\\b\"\n{c=\"d\"},é \u{1f980}\t# EOF";

/// Gives one family.
struct Given(Desc, proto::MetricFamily);

impl Given {
    fn new(name: &str, kind: proto::MetricType, metric: proto::Metric) -> Box<Self> {
        let desc = Desc::new(name.to_owned(), ODD.to_owned(), Vec::new(), HashMap::new());
        let mut family = proto::MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(ODD.to_owned());
        family.set_field_type(kind);
        family.set_metric(vec![metric]);
        Box::new(Self(desc.expect("legal"), family))
    }
}

impl Collector for Given {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        vec![self.1.clone()]
    }
}

fn summary() -> proto::Metric {
    let quantiles = [0.0, 0.5, 0.99, 1.0].map(|quantile| {
        let mut value = proto::Quantile::default();
        value.set_quantile(quantile);
        value.set_value(if quantile == 1.0 { f64::NAN } else { 2.5 });
        value
    });
    let mut summary = proto::Summary::default();
    summary.set_quantile(quantiles.into());
    summary.set_sample_count(7);
    summary.set_sample_sum(17.5);
    let mut metric = proto::Metric::default();
    metric.set_summary(summary);
    metric
}

/// Adds families of every type.
fn add_families(registry: &Registry) {
    let histogram = |name: &str, bounds: Vec<f64>, observed: f64| {
        let options = HistogramOpts::new(name, ODD).buckets(bounds);
        let histogram = Histogram::with_opts(options).expect("legal");
        histogram.observe(observed);
        histogram
    };
    let counter = |name: &str| IntCounter::new(name, ODD).expect("legal");
    let odd = |value: &str, count: f64| {
        let options = Opts::new("odd_total", ODD).const_label("zone", value);
        let counter = Counter::with_opts(options).expect("legal");
        counter.inc_by(count);
        Box::new(counter)
    };
    let level = Gauge::new("level_ratio", ODD).expect("legal");
    level.set(f64::NEG_INFINITY);
    let collectors: Vec<Box<dyn Collector>> = vec![
        Box::new(counter("rounds")),
        // The name of a counter's family is the one of a gauge.
        Box::new(IntGauge::new("doors", ODD).expect("legal")),
        Box::new(counter("doors_total")),
        Box::new(counter("rounds_seconds_total")),
        Box::new(IntGauge::new("rooms_total", ODD).expect("legal")),
        Box::new(IntGauge::new("build_info", ODD).expect("legal")),
        odd(ODD, 0.25),
        odd("", 1e21),
        Box::new(level),
        Box::new(histogram(
            "took_seconds",
            vec![1e-9, 0.1, 1.0, 10.0, 1e9],
            0.5,
        )),
        Box::new(histogram("whole_count", vec![1.0], 3.0)),
        Given::new("waited_seconds", proto::MetricType::SUMMARY, summary()),
        Given::new(
            "whatever",
            proto::MetricType::UNTYPED,
            proto::Metric::default(),
        ),
    ];
    for collector in collectors {
        registry.register(collector).expect("new");
    }
}

/// Adds families whose names samples of other ones have.
fn add_clashes(registry: &Registry) {
    for name in [
        "took_seconds_count",
        "waited_seconds_sum",
        "dubbo_provider_request_duration_seconds_bucket",
    ] {
        let gauge = IntGauge::new(name, "Clashing").expect("legal");
        registry.register(Box::new(gauge)).expect("new");
    }
}

#[test]
fn own_families_odd_labels_and_exemplars_are_legal_openmetrics() {
    let (clock, manual) = Clock::manual();
    let labels = vec![
        ("zone".to_owned(), ODD.to_owned()),
        ("empty".to_owned(), String::new()),
    ];
    let metrics = Metrics::new(Config::default().clock(clock).labels(labels)).expect("legal");
    add_families(metrics.prometheus_registry());
    add_clashes(metrics.prometheus_registry());
    let method = metrics.method(Side::Provider, &MethodKey::new(ODD, ODD));
    for (micros, outcome) in [
        (0, Outcome::SUCCESS),
        (700, Outcome::INTERNAL),
        (u64::from(u32::MAX), Outcome::TIMEOUT),
    ] {
        let mut call = method.start();
        call.set_traceparent(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03");
        manual.advance(Duration::from_micros(micros));
        call.end(outcome);
    }
    let accept = HeaderValue::from_static("application/openmetrics-text;version=1.0.0");
    let scrape = metrics.scrape(&HeaderMap::from_iter([(header::ACCEPT, accept)]));
    let text = String::from_utf8(scrape.body).expect("it is text");
    assert_eq!(text.matches(" # {trace_id=\"").count(), 5, "{text}");
    for sample in [
        "rounds_total 0\n",
        "doors 0\n",
        "doors_total 0\n",
        "waited_seconds_sum 17.5\n",
    ] {
        assert_eq!(text.matches(sample).count(), 1, "{sample}: {text}");
    }
    assert!(!text.contains("Clashing"), "{text}");
    parse_strictly(&text);
}
