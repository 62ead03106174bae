//! The formats that Prometheus reads: its text format (0.0.4 and 1.0.0), OpenMetrics 1.0, and protobuf.
//!
//! <https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md>,
//! <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>

mod foreign;
mod labels;
mod messages;
pub(crate) mod protobuf;

use std::collections::HashSet;
use std::fmt::Write;

use crate::exemplars::{Exemplar, Exemplars};
use crate::native::Native;
pub(crate) use labels::Labels;
use labels::escape;
use messages::Messages;
use protobuf::{Histogram, Metric, Value};

/// The label of an exemplar, by the name that Grafana and OpenTelemetry look for.
const TRACE_ID: &str = "trace_id";

/// A format that figures are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// Prometheus's text format.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Families of protobuf messages, each after its length: the one with native histograms.
    Protobuf,
}

/// What Prometheus is told about a family's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only grows, apart from restarts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of observations up to ascending bounds, with their sum.
    Histogram,
}

impl Type {
    /// Returns the word in a `# TYPE` line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What families and their samples are written to, in order.
#[derive(Debug, Default)]
pub(crate) struct Text {
    format: Format,
    text: String,
    /// What is written as messages.
    messages: Messages,
    kind: Option<Type>,
    /// The names of the families that were begun.
    begun: HashSet<String>,
    /// When what is being written began to count, in unix seconds, where OpenMetrics is to say it.
    pub(crate) created_seconds: Option<f64>,
}

/// One histogram of one series.
#[derive(Debug)]
pub(crate) struct Distribution<'a> {
    /// The rendered label `le` and the value of each bound, the infinite one last.
    pub(crate) bounds: &'a [(Labels, f64)],
    /// Calls per bucket, not cumulative.
    pub(crate) counts: &'a [u64],
    pub(crate) sum: f64,
    pub(crate) native: Option<&'a Native>,
    /// The newest exemplar of each bucket; nothing when there is none at all.
    pub(crate) newest: &'a [Option<&'a Exemplar>],
    /// Those from which a histogram without bounds takes its own.
    pub(crate) exemplars: Option<&'a Exemplars>,
}

impl<'a> Distribution<'a> {
    fn exemplar(&self, place: usize) -> Option<&'a Exemplar> {
        self.newest.get(place).copied().flatten()
    }
}

impl Text {
    pub(crate) fn new(format: Format, bytes: usize) -> Self {
        let text = match format {
            Format::Protobuf => String::new(),
            Format::Text | Format::OpenMetrics => String::with_capacity(bytes),
        };
        Self {
            format,
            text,
            ..Self::default()
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }

    /// Ends what is written, and returns it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        match self.format {
            Format::Text => self.text.into_bytes(),
            Format::OpenMetrics => {
                self.text.push_str("# EOF\n");
                self.text.into_bytes()
            }
            Format::Protobuf => self.messages.finish(),
        }
    }

    /// Begins a family.
    pub(crate) fn family(&mut self, name: &str, kind: Type, help: &str) {
        self.kind = Some(kind);
        self.begin(name, kind);
        match self.format {
            Format::Text => self.head_lines(name, kind.name(), help, false),
            Format::OpenMetrics => match (kind, name.strip_suffix("_total")) {
                (Type::Counter, Some(base)) => self.head_lines(base, kind.name(), help, true),
                (Type::Counter, None) => self.head_lines(name, "unknown", help, true),
                _ => self.head_lines(name, kind.name(), help, true),
            },
            Format::Protobuf => self.messages.begin(name, messages::kind(kind), help),
        }
    }

    /// Notes the names that no further family may have: this one's, and in OpenMetrics those of its samples.
    fn begin(&mut self, name: &str, kind: Type) {
        self.begun.insert(name.to_owned());
        if self.format == Format::OpenMetrics {
            self.begun.extend(samples_of(name, kind));
        }
    }

    fn head_lines(&mut self, name: &str, kind: &str, help: &str, open: bool) {
        let help = escape(help, open);
        self.text.extend([
            "# HELP ",
            name,
            " ",
            &help,
            "\n# TYPE ",
            name,
            " ",
            kind,
            "\n",
        ]);
        let units = ["seconds", "bytes", "milliseconds"];
        let unit = units.iter().find(|unit| {
            name.strip_suffix(**unit)
                .is_some_and(|rest| rest.ends_with('_'))
        });
        if let (true, Some(unit)) = (open, unit) {
            self.text.extend(["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    /// Writes a whole number. `extra` are further labels, or [`Labels::none`].
    pub(crate) fn count(&mut self, name: &str, labels: &Labels, extra: &Labels, value: u64) {
        self.count_with(name, labels, extra, value, None);
    }

    /// Writes a whole number with an exemplar, which stands for one of what is counted.
    pub(crate) fn count_with(
        &mut self,
        name: &str,
        labels: &Labels,
        extra: &Labels,
        value: u64,
        exemplar: Option<&Exemplar>,
    ) {
        if self.format == Format::Protobuf {
            return self.message(labels, extra, value as f64, exemplar);
        }
        self.head(name, labels, extra);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
        self.exemplar(exemplar, |_| 1.0);
        self.text.push('\n');
        if self.kind == Some(Type::Counter) {
            self.created(name.strip_suffix("_total"), labels, extra);
        }
    }

    /// Writes a number.
    pub(crate) fn gauge(&mut self, name: &str, labels: &Labels, extra: &Labels, value: f64) {
        if self.format == Format::Protobuf {
            return self.message(labels, extra, value, None);
        }
        self.head(name, labels, extra);
        write_number(&mut self.text, value);
        self.text.push('\n');
        if self.kind == Some(Type::Counter) {
            self.created(name.strip_suffix("_total"), labels, extra);
        }
    }

    /// Writes a histogram.
    pub(crate) fn histogram(&mut self, name: &str, labels: &Labels, histogram: &Distribution<'_>) {
        let total: u64 = histogram.counts.iter().sum();
        if self.format == Format::Protobuf {
            return self.message_of_histogram(labels, histogram, total);
        }
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        for (place, (bound, upper)) in histogram.bounds.iter().enumerate() {
            below += histogram.counts[place];
            self.head(&bucket, labels, bound);
            let _ = write!(self.text, "{below}");
            self.exemplar(histogram.exemplar(place), |e| e.seconds.min(*upper));
            self.text.push('\n');
        }
        self.head(&format!("{name}_sum"), labels, Labels::none());
        write_number(&mut self.text, histogram.sum);
        self.text.push('\n');
        self.head(&format!("{name}_count"), labels, Labels::none());
        let _ = writeln!(self.text, "{total}");
        self.created(Some(name), labels, Labels::none());
    }

    /// Ends a sample's line with an exemplar, in OpenMetrics.
    fn exemplar(&mut self, exemplar: Option<&Exemplar>, value: impl FnOnce(&Exemplar) -> f64) {
        let (Format::OpenMetrics, Some(exemplar)) = (self.format, exemplar) else {
            return;
        };
        let id = exemplar.trace_id.as_str();
        self.text.extend([" # {", TRACE_ID, "=\"", id, "\"} "]);
        write_number(&mut self.text, value(exemplar));
        let millis = exemplar.unix_millis();
        let _ = write!(self.text, " {}.{:03}", millis / 1_000, millis % 1_000);
    }

    /// Writes when a sample began to count, in OpenMetrics.
    fn created(&mut self, name: Option<&str>, labels: &Labels, extra: &Labels) {
        if let (Format::OpenMetrics, Some(name), Some(seconds)) =
            (self.format, name, self.created_seconds)
        {
            self.head(&format!("{name}_created"), labels, extra);
            write_number(&mut self.text, seconds);
            self.text.push('\n');
        }
    }

    fn message(
        &mut self,
        labels: &Labels,
        extra: &Labels,
        value: f64,
        exemplar: Option<&Exemplar>,
    ) {
        if self.kind == Some(Type::Counter) {
            self.messages.push_counter(labels, extra, value, exemplar);
        } else {
            let gauge = Metric {
                gauge: Some(Value { value: Some(value) }),
                ..Metric::default()
            };
            self.messages.push(labels, extra, &gauge);
        }
    }

    fn message_of_histogram(&mut self, labels: &Labels, histogram: &Distribution<'_>, total: u64) {
        let mut message = Histogram {
            sample_count: total,
            sample_sum: histogram.sum,
            ..Histogram::default()
        };
        if let Some(native) = histogram.native {
            message = message.native(native);
            message.sample_count = native.count();
        }
        self.messages.push_histogram(labels, &message, histogram);
    }

    fn head(&mut self, name: &str, labels: &Labels, extra: &Labels) {
        let (labels, extra) = (&*labels.text, &*extra.text);
        let comma = if labels.is_empty() || extra.is_empty() {
            ""
        } else {
            ","
        };
        if labels.is_empty() && extra.is_empty() {
            self.text.extend([name, " "]);
        } else {
            self.text.extend([name, "{", labels, comma, extra, "} "]);
        }
    }
}

/// Returns the names that samples of a family have beside its own, in OpenMetrics.
fn samples_of(name: &str, kind: Type) -> impl Iterator<Item = String> {
    let base = name
        .strip_suffix("_total")
        .filter(|_| kind == Type::Counter);
    let endings: &[&str] = match kind {
        Type::Counter => &["", "_total"],
        Type::Gauge => &[],
        Type::Histogram => &["_count", "_sum", "_bucket"],
    };
    let base = base.unwrap_or(name);
    endings.iter().map(move |ending| format!("{base}{ending}"))
}

/// Renders the label of an upper bound.
pub(crate) fn bound_label(format: Format, bound: f64) -> Labels {
    number_label(format, "le", bound)
}

/// Renders a label whose value is a number: OpenMetrics wants it with a point.
fn number_label(format: Format, name: &str, number: f64) -> Labels {
    let mut value = String::new();
    write_number(&mut value, number);
    if format == Format::OpenMetrics && number.is_finite() && !value.contains('.') {
        value.push_str(".0");
    }
    Labels::one(name, &value)
}

/// Writes a number as the format wants it: Rust's own way, apart from the infinities.
pub(crate) fn write_number(text: &mut String, value: f64) {
    if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let _ = write!(text, "{value}");
    }
}

#[cfg(test)]
mod tests;
