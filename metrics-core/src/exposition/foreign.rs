//! The families of the caller's own collectors, in the formats that the `prometheus` crate does not write.

use prometheus::proto::{self, MetricType};

use super::protobuf::{self, Quantile, Summary};
use super::{Distribution, Format, Text, Type, bound_label, labels, write_number};

impl Text {
    /// Writes a family that a collector gathered.
    pub(crate) fn foreign(&mut self, family: &proto::MetricFamily) {
        let name = family.name();
        // Where OpenMetrics is to count what does not end as its counters do, it is named so.
        let counter = format!("{}_total", name.strip_suffix("_total").unwrap_or(name));
        let (name, kind) = match family.get_field_type() {
            MetricType::COUNTER if self.format == Format::OpenMetrics => (&*counter, Type::Counter),
            MetricType::COUNTER => (name, Type::Counter),
            MetricType::HISTOGRAM => (name, Type::Histogram),
            _ => (name, Type::Gauge),
        };
        self.created_seconds = None;
        match family.get_field_type() {
            MetricType::SUMMARY => self.summaries(family),
            _ => {
                self.family(name, kind, family.help());
                for metric in family.get_metric() {
                    self.sample(name, family.get_field_type(), metric);
                }
            }
        }
    }

    fn sample(&mut self, name: &str, kind: MetricType, metric: &proto::Metric) {
        let labels = of(metric);
        match kind {
            MetricType::COUNTER => self.gauge(name, &labels, "", metric.get_counter().get_value()),
            MetricType::HISTOGRAM => {
                let histogram = metric.get_histogram();
                let mut before = 0;
                let (mut bounds, mut counts) = (Vec::new(), Vec::new());
                let finite = histogram.get_bucket().iter();
                for bucket in finite.filter(|bucket| bucket.upper_bound().is_finite()) {
                    let bound = bucket.upper_bound();
                    bounds.push((bound_label(self.format, bound), bound));
                    counts.push(bucket.cumulative_count() - before);
                    before = bucket.cumulative_count();
                }
                bounds.push((bound_label(self.format, f64::INFINITY), f64::INFINITY));
                counts.push(histogram.get_sample_count() - before);
                let distribution = Distribution {
                    bounds: &bounds,
                    counts: &counts,
                    sum: histogram.get_sample_sum(),
                    native: None,
                    newest: &[],
                    exemplars: None,
                };
                self.histogram(name, &labels, &distribution);
            }
            _ => self.gauge(name, &labels, "", metric.get_gauge().get_value()),
        }
    }

    fn summaries(&mut self, family: &proto::MetricFamily) {
        let name = family.name();
        if self.format == Format::Protobuf {
            self.family(name, Type::Gauge, family.help());
            if let Some(open) = &mut self.family {
                open.kind = 2;
            }
        } else {
            self.head_lines(name, "summary", family.help(), true);
        }
        for metric in family.get_metric() {
            let (labels_of, summary) = (of(metric), metric.get_summary());
            if self.format == Format::Protobuf {
                let quantile = summary.get_quantile().iter().map(|quantile| Quantile {
                    quantile: quantile.quantile(),
                    value: quantile.value(),
                });
                let message = protobuf::Metric {
                    summary: Some(Summary {
                        sample_count: summary.sample_count(),
                        sample_sum: summary.sample_sum(),
                        quantile: quantile.collect(),
                    }),
                    ..protobuf::Metric::default()
                };
                self.push(&labels_of, "", message);
                continue;
            }
            for quantile in summary.get_quantile() {
                let mut value = String::new();
                write_number(&mut value, quantile.quantile());
                let extra = labels([("quantile", value.as_str())]);
                self.gauge(name, &labels_of, &extra, quantile.value());
            }
            self.gauge(&format!("{name}_sum"), &labels_of, "", summary.sample_sum());
            let count = summary.sample_count();
            self.gauge(&format!("{name}_count"), &labels_of, "", count as f64);
        }
    }
}

fn of(metric: &proto::Metric) -> String {
    labels(
        metric
            .get_label()
            .iter()
            .map(|pair| (pair.name(), pair.value())),
    )
}
