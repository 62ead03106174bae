//! Packs the messages of an answer.

use bytes::{Bytes, BytesMut};

use super::{Encoding, PREFIX, head, prefix};

/// Packs those messages of an answer that are worth it.
#[derive(Debug)]
pub(crate) struct Packer {
    encoding: Encoding,
    smallest: usize,
    /// The beginning of a message whose rest has not come.
    begun: BytesMut,
}

impl Packer {
    /// The shortest message that is packed for a caller that accepts packed answers and sends plain requests: below, packing costs more
    /// than it saves. A caller that packs its requests gets packed answers of any length.
    pub(crate) const SMALLEST: usize = 1024;

    /// Packs messages of at least this length.
    pub(crate) fn new(encoding: Encoding, smallest: usize) -> Self {
        Self {
            encoding,
            smallest,
            begun: BytesMut::new(),
        }
    }

    /// Returns what goes out for these bytes. A frame whose messages stay plain is passed on as it is.
    pub(crate) fn pack(&mut self, data: Bytes) -> Bytes {
        if self.begun.is_empty() && self.leaves(&data) {
            return data;
        }
        self.begun.extend_from_slice(&data);
        let mut out = BytesMut::with_capacity(self.begun.len());
        while let Some((flag, length)) = head(&self.begun) {
            if self.begun.len() < PREFIX + length {
                break;
            }
            let message = self.begun.split_to(PREFIX + length);
            let worth = flag == 0 && length >= self.smallest;
            let packed = worth.then(|| self.encoding.pack(&message[PREFIX..]));
            match packed.flatten() {
                Some(packed) => {
                    out.extend_from_slice(&prefix(true, packed.len()));
                    out.extend_from_slice(&packed);
                }
                None => out.extend_from_slice(&message),
            }
        }
        out.freeze()
    }

    /// Returns what is left when the answer ends.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        (!self.begun.is_empty()).then(|| self.begun.split().freeze())
    }

    /// Returns whether these bytes are whole messages that all stay plain.
    fn leaves(&self, mut data: &[u8]) -> bool {
        while !data.is_empty() {
            match head(data) {
                Some((flag, length)) if flag != 0 || length < self.smallest => {
                    match data.get(PREFIX + length..) {
                        Some(rest) => data = rest,
                        None => return false,
                    }
                }
                _ => return false,
            }
        }
        true
    }
}
