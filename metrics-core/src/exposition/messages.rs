//! Writes families as protobuf messages, sample by sample.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use super::protobuf::{
    Counter, Histogram, Metric, write_bucket, write_exemplar, write_length, write_string,
};
use super::{Distribution, Labels, Type};
use crate::exemplars::{Exemplar, Exemplars};

/// The number of a summary among the types of families.
pub(super) const SUMMARY: u8 = 2;
/// The number of what has no type.
pub(super) const UNTYPED: u8 = 3;

/// Returns the number of a type.
pub(super) fn kind(kind: Type) -> u8 {
    match kind {
        Type::Counter => 0,
        Type::Gauge => 1,
        Type::Histogram => 4,
    }
}

/// Families as messages, each after its length. They are written as their samples come: nothing is kept of a sample but its bytes, and labels
/// are copied as they were rendered.
#[derive(Debug, Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
    /// The message of the family that is open.
    open: Vec<u8>,
    /// How much of it stands before its first sample.
    head: usize,
    /// The message of one field; kept for its room.
    field: Vec<u8>,
}

impl Messages {
    /// Begins a family, whose type has the number `kind`.
    pub(super) fn begin(&mut self, name: &str, kind: u8, help: &str) {
        self.close();
        write_string(&mut self.open, 1, name);
        write_string(&mut self.open, 2, help);
        if kind != 0 {
            encode_key(3, WireType::Varint, &mut self.open);
            encode_varint(kind.into(), &mut self.open);
        }
        self.head = self.open.len();
    }

    /// Adds a sample, with these labels before its own.
    pub(super) fn push(&mut self, labels: &Labels, extra: &Labels, sample: &Metric) {
        let (labels, extra) = (labels.message(), extra.message());
        let len = labels.len() + extra.len() + sample.encoded_len();
        write_length(&mut self.open, 4, len);
        self.open.extend_from_slice(labels);
        self.open.extend_from_slice(extra);
        sample
            .encode(&mut self.open)
            .expect("a Vec takes everything");
    }

    /// Adds a counter.
    pub(super) fn push_counter(
        &mut self,
        labels: &Labels,
        extra: &Labels,
        value: f64,
        exemplar: Option<&Exemplar>,
    ) {
        let counter = Counter {
            value,
            exemplar: None,
        };
        self.push_field(labels, extra, 3, &counter, |message| {
            if let Some(exemplar) = exemplar {
                write_exemplar(message, 2, exemplar, 1.0);
            }
        });
    }

    /// Adds a histogram, of which `head` is what is not written here: classic buckets, and the exemplars of native ones.
    pub(super) fn push_histogram(
        &mut self,
        labels: &Labels,
        head: &Histogram,
        histogram: &Distribution<'_>,
    ) {
        self.push_field(labels, Labels::none(), 7, head, |message| {
            let mut below = 0;
            for (place, (_, upper)) in histogram.bounds.iter().enumerate() {
                below += histogram.counts[place];
                let exemplar = histogram.exemplar(place);
                // The infinite bucket is what the count says, unless it has an exemplar.
                if upper.is_finite() || (place > 0 && exemplar.is_some()) {
                    write_bucket(message, below, *upper, exemplar);
                }
            }
            if histogram.native.is_some() {
                let exemplars = histogram.exemplars.map(Exemplars::by_time);
                for exemplar in exemplars.into_iter().flatten() {
                    write_exemplar(message, 16, exemplar, exemplar.seconds);
                }
            }
        });
    }

    /// Adds a sample whose one field, beside the labels, is a message with more behind it: fields that are many are written as they come.
    fn push_field(
        &mut self,
        labels: &Labels,
        extra: &Labels,
        number: u32,
        head: &impl Message,
        more: impl FnOnce(&mut Vec<u8>),
    ) {
        self.field.clear();
        head.encode(&mut self.field)
            .expect("a Vec takes everything");
        more(&mut self.field);
        let (labels, extra) = (labels.message(), extra.message());
        let len = key_len(number) + encoded_len_varint(self.field.len() as u64) + self.field.len();
        write_length(&mut self.open, 4, labels.len() + extra.len() + len);
        self.open.extend_from_slice(labels);
        self.open.extend_from_slice(extra);
        write_length(&mut self.open, number, self.field.len());
        self.open.extend_from_slice(&self.field);
    }

    /// Ends the last family, and returns what was written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.close();
        self.bytes
    }

    /// Ends the family that is open; one without samples is left out.
    fn close(&mut self) {
        if self.open.len() > self.head {
            encode_varint(self.open.len() as u64, &mut self.bytes);
            self.bytes.append(&mut self.open);
        }
        self.open.clear();
    }
}
