//! Writes families as protobuf messages, sample by sample.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::protobuf::{Metric, write_length, write_string};
use super::{Labels, Type};

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
