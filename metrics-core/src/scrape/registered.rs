//! Our families in a registry of the `prometheus` crate that is the caller's own.

use prometheus::core::{Collector, Desc};
use prometheus::proto;
use prost::Message;

use super::measured;
use crate::exposition::Format;
use crate::exposition::protobuf::{Histogram, LabelPair, Metric, MetricFamily};
use crate::families::families;
use crate::metrics::Metrics;

/// Collects what [`Metrics`] measured, for a [`prometheus::Registry`]. The families of the process (`process_*`) and those of
/// [`Metrics::prometheus_registry`] are not among them.
#[derive(Debug)]
pub struct Registered {
    metrics: Metrics,
    descriptions: Vec<Desc>,
}

impl Metrics {
    /// Returns a collector of everything measured, to register with a registry of the caller's own.
    pub fn collector(&self) -> Registered {
        Registered::new(self)
    }
}

impl Registered {
    fn new(metrics: &Metrics) -> Self {
        let descriptions = families().into_iter().filter_map(|family| {
            let labels = family.labels.iter().filter(|label| **label != "le");
            let names = labels.map(|label| (*label).to_owned()).collect();
            let help = family.help.into_owned();
            Desc::new(family.name.into_owned(), help, names, Default::default()).ok()
        });
        Self {
            metrics: metrics.clone(),
            descriptions: descriptions.collect(),
        }
    }
}

impl Collector for Registered {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let families = self.metrics.config().families;
        let bytes = measured(&self.metrics, Format::Protobuf, families).finish();
        let (mut rest, mut collected) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let Ok(family) = MetricFamily::decode_length_delimited(&mut rest) else {
                break;
            };
            collected.push(converted(family));
        }
        collected
    }
}

fn converted(family: MetricFamily) -> proto::MetricFamily {
    let mut converted = proto::MetricFamily::default();
    converted.set_field_type(match family.kind {
        0 => proto::MetricType::COUNTER,
        4 => proto::MetricType::HISTOGRAM,
        _ => proto::MetricType::GAUGE,
    });
    converted.set_name(family.name);
    converted.set_help(family.help);
    converted.set_metric(family.metric.into_iter().map(metric).collect());
    converted
}

fn metric(metric: Metric) -> proto::Metric {
    let mut converted = proto::Metric::from_label(metric.label.into_iter().map(label).collect());
    if let Some(counter) = metric.counter {
        let mut value = proto::Counter::default();
        value.set_value(counter.value);
        converted.set_counter(value);
    } else if let Some(histogram) = metric.histogram {
        converted.set_histogram(self::histogram(&histogram));
    } else if let Some(gauge) = metric.gauge {
        let mut value = proto::Gauge::default();
        value.set_value(gauge.value.unwrap_or_default());
        converted.set_gauge(value);
    }
    converted
}

fn label(pair: LabelPair) -> proto::LabelPair {
    let mut converted = proto::LabelPair::default();
    converted.set_name(pair.name);
    converted.set_value(pair.value);
    converted
}

fn histogram(histogram: &Histogram) -> proto::Histogram {
    let buckets = histogram.bucket.iter().map(|bucket| {
        let mut converted = proto::Bucket::default();
        converted.set_cumulative_count(bucket.cumulative_count);
        converted.set_upper_bound(bucket.upper_bound);
        converted
    });
    let mut converted = proto::Histogram::default();
    converted.set_bucket(buckets.collect());
    converted.set_sample_count(histogram.sample_count);
    converted.set_sample_sum(histogram.sample_sum);
    converted
}
