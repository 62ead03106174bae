//! The families of the caller's own collectors, which may break the rules.

use prometheus::proto::{self, MetricType};

use super::messages::{SUMMARY, UNTYPED};
use super::protobuf::{self, Quantile, Summary};
use super::{Distribution, Format, Labels, Text, Type, bound_label, number_label, samples_of};

impl Text {
    /// Writes a family that a collector gathered.
    pub(crate) fn foreign(&mut self, family: &proto::MetricFamily) {
        let name = family.name();
        // Where OpenMetrics is to count what does not end as its counters do, it is named so.
        let base = name.strip_suffix("_total").unwrap_or(name);
        let counter = format!("{base}_total");
        if self.begun.contains(name) || self.begun.contains(&counter) || self.clashes(family) {
            tracing::warn!(
                family = name,
                "a family of an added collector is left out: there is one of this name already"
            );
            return;
        }
        let open = self.format == Format::OpenMetrics;
        let counts = family.get_field_type() == MetricType::COUNTER;
        if open && counts && self.begun.contains(base) {
            // The family would have the name of another one, its samples do not.
            return self.untyped(family);
        }
        let (name, kind) = match family.get_field_type() {
            MetricType::COUNTER if self.format == Format::OpenMetrics => (&*counter, Type::Counter),
            MetricType::COUNTER => (name, Type::Counter),
            MetricType::HISTOGRAM => (name, Type::Histogram),
            _ => (name, Type::Gauge),
        };
        self.created_seconds = None;
        match family.get_field_type() {
            MetricType::SUMMARY => self.summaries(family),
            MetricType::UNTYPED => self.untyped(family),
            _ => {
                self.family(name, kind, family.help());
                for metric in family.get_metric() {
                    self.sample(name, family.get_field_type(), metric);
                }
            }
        }
    }

    /// Tells whether a family's samples have the name of another family or of its samples, in OpenMetrics.
    fn clashes(&self, family: &proto::MetricFamily) -> bool {
        let mut samples = match family.get_field_type() {
            MetricType::HISTOGRAM | MetricType::SUMMARY => {
                samples_of(family.name(), Type::Histogram)
            }
            _ => return false,
        };
        self.format == Format::OpenMetrics && samples.any(|name| self.begun.contains(&name))
    }

    fn sample(&mut self, name: &str, kind: MetricType, metric: &proto::Metric) {
        let labels = of(metric);
        match kind {
            MetricType::COUNTER => self.gauge(
                name,
                &labels,
                Labels::none(),
                metric.get_counter().get_value(),
            ),
            MetricType::HISTOGRAM => {
                let histogram = metric.get_histogram();
                let mut before = 0;
                let (mut bounds, mut counts) = (Vec::new(), Vec::new());
                let finite = histogram.get_bucket().iter();
                for bucket in finite.filter(|bucket| bucket.upper_bound().is_finite()) {
                    let bound = bucket.upper_bound();
                    bounds.push((bound_label(self.format, bound), bound));
                    counts.push(bucket.cumulative_count().saturating_sub(before));
                    before = before.max(bucket.cumulative_count());
                }
                bounds.push((bound_label(self.format, f64::INFINITY), f64::INFINITY));
                counts.push(histogram.get_sample_count().saturating_sub(before));
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
            _ => self.gauge(
                name,
                &labels,
                Labels::none(),
                metric.get_gauge().get_value(),
            ),
        }
    }

    fn untyped(&mut self, family: &proto::MetricFamily) {
        let name = family.name();
        self.kind = None;
        self.begun.insert(name.to_owned());
        match self.format {
            Format::Text => self.head_lines(name, "untyped", family.help(), false),
            Format::OpenMetrics => self.head_lines(name, "unknown", family.help(), true),
            Format::Protobuf => self.messages.begin(name, UNTYPED, family.help()),
        }
        for metric in family.get_metric() {
            #[expect(
                deprecated,
                reason = "the crate has no other way to read what it lets collectors set"
            )]
            let untyped = metric.get_untyped().get_value();
            let value = match family.get_field_type() {
                MetricType::COUNTER => metric.get_counter().get_value(),
                _ => untyped,
            };
            if self.format == Format::Protobuf {
                let message = protobuf::Metric {
                    untyped: Some(protobuf::Value { value: Some(value) }),
                    ..protobuf::Metric::default()
                };
                self.messages.push(&of(metric), Labels::none(), &message);
            } else {
                self.gauge(name, &of(metric), Labels::none(), value);
            }
        }
    }

    fn summaries(&mut self, family: &proto::MetricFamily) {
        let name = family.name();
        self.begin(name, Type::Histogram);
        if self.format == Format::Protobuf {
            self.messages.begin(name, SUMMARY, family.help());
        } else {
            let open = self.format == Format::OpenMetrics;
            self.head_lines(name, "summary", family.help(), open);
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
                self.messages.push(&labels_of, Labels::none(), &message);
                continue;
            }
            for quantile in summary.get_quantile() {
                let extra = number_label(self.format, "quantile", quantile.quantile());
                self.gauge(name, &labels_of, &extra, quantile.value());
            }
            self.gauge(
                &format!("{name}_sum"),
                &labels_of,
                Labels::none(),
                summary.sample_sum(),
            );
            let count = summary.sample_count();
            self.gauge(
                &format!("{name}_count"),
                &labels_of,
                Labels::none(),
                count as f64,
            );
        }
    }
}

fn of(metric: &proto::Metric) -> Labels {
    let pairs = metric.get_label().iter();
    Labels::new(pairs.map(|pair| (pair.name(), pair.value())))
}
