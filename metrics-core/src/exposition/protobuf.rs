//! The protobuf format of Prometheus, by the published numbers of its fields.
//!
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>

use prost::Message;
use prost::encoding::{
    WireType, double, encode_key, encode_varint, encoded_len_varint, int32, int64, uint64,
};

use super::TRACE_ID;
use crate::exemplars::Exemplar;
use crate::native::Native;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricFamily {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) help: String,
    #[prost(int32, tag = "3")]
    pub(crate) kind: i32,
    #[prost(message, repeated, tag = "4")]
    pub(crate) metric: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    pub(crate) gauge: Option<Value>,
    #[prost(message, optional, tag = "3")]
    pub(crate) counter: Option<Counter>,
    #[prost(message, optional, tag = "4")]
    pub(crate) summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    pub(crate) untyped: Option<Value>,
    #[prost(message, optional, tag = "7")]
    pub(crate) histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LabelPair {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Counter {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
    #[prost(message, optional, tag = "2")]
    pub(crate) exemplar: Option<ExemplarMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExemplarMessage {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<LabelPair>,
    #[prost(double, tag = "2")]
    pub(crate) value: f64,
    #[prost(message, optional, tag = "3")]
    pub(crate) timestamp: Option<Timestamp>,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

/// The message of a gauge, or of a value without a type: both are alike in what is used here.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(double, optional, tag = "1")]
    pub(crate) value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(uint64, tag = "1")]
    pub(crate) sample_count: u64,
    #[prost(double, tag = "2")]
    pub(crate) sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) quantile: Vec<Quantile>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Quantile {
    #[prost(double, tag = "1")]
    pub(crate) quantile: f64,
    #[prost(double, tag = "2")]
    pub(crate) value: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Histogram {
    #[prost(uint64, tag = "1")]
    pub(crate) sample_count: u64,
    #[prost(double, tag = "2")]
    pub(crate) sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) bucket: Vec<Bucket>,
    #[prost(sint32, tag = "5")]
    pub(crate) schema: i32,
    #[prost(double, tag = "6")]
    pub(crate) zero_threshold: f64,
    #[prost(uint64, tag = "7")]
    pub(crate) zero_count: u64,
    #[prost(message, repeated, tag = "12")]
    pub(crate) positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "13")]
    pub(crate) positive_delta: Vec<i64>,
    #[prost(message, repeated, tag = "16")]
    pub(crate) exemplars: Vec<ExemplarMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bucket {
    #[prost(uint64, tag = "1")]
    pub(crate) cumulative_count: u64,
    #[prost(double, tag = "2")]
    pub(crate) upper_bound: f64,
    #[prost(message, optional, tag = "3")]
    pub(crate) exemplar: Option<ExemplarMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BucketSpan {
    #[prost(sint32, tag = "1")]
    pub(crate) offset: i32,
    #[prost(uint32, tag = "2")]
    pub(crate) length: u32,
}

/// What is at most this is 0 for a native histogram: the value that Prometheus's own libraries use.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// So many empty buckets are written as such: a new span takes more room.
const BRIDGED: i32 = 3;

impl Histogram {
    /// Adds the native buckets.
    pub(crate) fn native(mut self, native: &Native) -> Self {
        self.schema = native.schema().into();
        self.zero_threshold = ZERO_THRESHOLD;
        self.zero_count = native.zero();
        let (mut next, mut before) = (0, 0);
        for (place, count) in native.buckets() {
            let (place, count) = (i32::from(place), count as i64);
            let gap = place - next;
            match self.positive_span.last_mut() {
                Some(span) if gap <= BRIDGED => {
                    span.length += gap as u32 + 1;
                    for _ in 0..gap {
                        self.positive_delta.push(-before);
                        before = 0;
                    }
                }
                _ => self.positive_span.push(BucketSpan {
                    offset: gap,
                    length: 1,
                }),
            }
            self.positive_delta.push(count - before);
            (next, before) = (place + 1, count);
        }
        self
    }
}

/// Writes a classic bucket as it stands in the message of a histogram.
pub(super) fn write_bucket(
    message: &mut Vec<u8>,
    below: u64,
    upper: f64,
    exemplar: Option<&Exemplar>,
) {
    write_short(message, 3, |bucket| {
        uint64::encode(1, &below, bucket);
        double::encode(2, &upper, bucket);
        if let Some(exemplar) = exemplar {
            write_exemplar(bucket, 3, exemplar, exemplar.seconds.min(upper));
        }
    });
}

/// Writes an exemplar with this value as a field.
pub(super) fn write_exemplar(message: &mut Vec<u8>, number: u32, exemplar: &Exemplar, value: f64) {
    write_short(message, number, |fields| {
        write_label(fields, TRACE_ID, exemplar.trace_id.as_str());
        double::encode(2, &value, fields);
        write_short(fields, 3, |timestamp| {
            let millis = exemplar.unix_millis();
            int64::encode(1, &(millis / 1_000), timestamp);
            int32::encode(2, &((millis % 1_000) as i32 * 1_000_000), timestamp);
        });
    });
}

/// Writes a field whose message takes less than 128 bytes: the length of such a one takes one byte, and is known when the rest is written.
fn write_short(message: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(number, WireType::LengthDelimited, message);
    let begin = message.len();
    message.push(0);
    write(message);
    let len = message.len() - begin - 1;
    debug_assert!(len < 128, "{len} bytes are not short");
    message[begin] = len as u8;
}

/// Writes a label as it stands in the message of a sample.
pub(super) fn write_label(message: &mut Vec<u8>, name: &str, value: &str) {
    let len = |text: &str| 1 + encoded_len_varint(text.len() as u64) + text.len();
    write_length(message, 1, len(name) + len(value));
    write_string(message, 1, name);
    write_string(message, 2, value);
}

/// Writes a field of text; an empty one is left out.
pub(super) fn write_string(message: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        write_length(message, number, text.len());
        message.extend_from_slice(text.as_bytes());
    }
}

/// Begins a field of so many bytes.
pub(super) fn write_length(message: &mut Vec<u8>, number: u32, len: usize) {
    encode_key(number, WireType::LengthDelimited, message);
    encode_varint(len as u64, message);
}
