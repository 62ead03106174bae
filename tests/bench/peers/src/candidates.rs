//! The other libraries, each doing for a call what it can of what metrics-core does.

use std::hint::black_box;
use std::time::Instant;

const NAMES: [&str; 8] =
    ["application_name", "application_version", "group", "hostname", "interface", "ip", "method", "version"];
const VALUES: [&str; 8] = ["dubbo-rust-server", "", "", "host-1", "greet.GreetService", "192.0.2.1", "Greet", ""];

/// In flight up and down, total, succeeded, and a histogram, each looked up by its labels.
pub(crate) fn prometheus_vectors() -> Box<dyn FnMut()> {
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts};
    let values = VALUES.map(black_box);
    let counter = |name: &str| IntCounterVec::new(Opts::new(name, "help"), &NAMES).expect("a legal name");
    let (total, succeeded) = (counter("total"), counter("succeeded"));
    let processing = IntGaugeVec::new(Opts::new("processing", "help"), &NAMES).expect("a legal name");
    let times = HistogramVec::new(HistogramOpts::new("seconds", "help"), &NAMES).expect("a legal name");
    Box::new(move || {
        let start = Instant::now();
        processing.with_label_values(&values).inc();
        let took = start.elapsed();
        processing.with_label_values(&values).dec();
        total.with_label_values(&values).inc();
        succeeded.with_label_values(&values).inc();
        times.with_label_values(&values).observe(took.as_secs_f64());
    })
}

/// The same by the macros of the facade, whose labels are values of the call.
pub(crate) fn metrics_facade() -> Box<dyn FnMut()> {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    // Its histograms keep every observation until they are asked for.
    let handle = recorder.handle();
    let mut calls = 0u32;
    Box::new(move || {
        metrics::with_local_recorder(&recorder, || {
            let labels = || NAMES.into_iter().zip(VALUES.map(black_box)).map(|(name, value)| metrics::Label::new(name, value)).collect::<Vec<_>>();
            let start = Instant::now();
            metrics::gauge!("processing", labels()).increment(1.0);
            let took = start.elapsed();
            metrics::gauge!("processing", labels()).decrement(1.0);
            metrics::counter!("total", labels()).increment(1);
            metrics::counter!("succeeded", labels()).increment(1);
            metrics::histogram!("seconds", labels()).record(took);
        });
        calls += 1;
        if calls.is_multiple_of(100_000) {
            handle.run_upkeep();
        }
    })
}

/// The same with families keyed by a vector of labels.
pub(crate) fn prometheus_client() -> Box<dyn FnMut()> {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    type Labels = [(&'static str, &'static str); 8];
    let labels: Labels = std::array::from_fn(|n| (NAMES[n], black_box(VALUES[n])));
    let (total, succeeded) = (Family::<Labels, Counter>::default(), Family::<Labels, Counter>::default());
    let processing = Family::<Labels, Gauge>::default();
    let times = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new([0.001, 0.01, 0.1, 1.0, 10.0]));
    Box::new(move || {
        let start = Instant::now();
        processing.get_or_create(&labels).inc();
        let took = start.elapsed();
        processing.get_or_create(&labels).dec();
        total.get_or_create(&labels).inc();
        succeeded.get_or_create(&labels).inc();
        times.get_or_create(&labels).observe(took.as_secs_f64());
    })
}

/// Makes the samples of a text into the protos of `prometheus` each time, as a collector must, and encodes them.
pub(crate) fn through_prometheus(text: &str) -> Box<dyn FnMut() -> usize> {
    use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
    let mut families: Vec<(String, Vec<(Vec<(String, String)>, f64)>)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (head, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = head.split_once('{').unwrap_or((head, ""));
        let labels = labels.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\""));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())).collect();
        if families.last().is_none_or(|(last, _)| last != name) {
            families.push((name.to_owned(), Vec::new()));
        }
        families.last_mut().expect("just pushed").1.push((labels, value.parse().unwrap_or(f64::NAN)));
    }
    Box::new(move || {
        let protos: Vec<_> = families
            .iter()
            .map(|(name, samples)| {
                let mut family = MetricFamily::default();
                family.set_name(name.clone());
                family.set_help("help".into());
                family.set_field_type(MetricType::GAUGE);
                let metrics = samples.iter().map(|(labels, value)| {
                    let labels = labels.iter().map(|(name, value)| {
                        let mut pair = LabelPair::default();
                        pair.set_name(name.clone());
                        pair.set_value(value.clone());
                        pair
                    });
                    let mut metric = Metric::default();
                    metric.set_label(labels.collect());
                    let mut gauge = Gauge::default();
                    gauge.set_value(*value);
                    metric.set_gauge(gauge);
                    metric
                });
                family.set_metric(metrics.collect());
                family
            })
            .collect();
        prometheus::TextEncoder::new().encode_to_string(&protos).expect("legal families").len()
    })
}
