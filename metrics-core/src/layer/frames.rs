//! Counts gRPC messages in a body: each begins with a flag, 0 or 1, and its length in four bytes, big-endian.

/// Where a body stands in its sequence of messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    /// Bytes of the current message's head seen so far.
    head: u8,
    length: u32,
    /// Bytes of the current message's content still to come.
    content: u32,
    /// The body is not a sequence of messages: a JSON body, for one.
    foreign: bool,
}

impl Frames {
    /// Follows the next bytes, and returns how many messages began in them. A message begins when its head is complete.
    #[inline]
    pub(super) fn advance(&mut self, mut bytes: &[u8]) -> u64 {
        let mut messages = 0;
        while !bytes.is_empty() && !self.foreign {
            if self.content > 0 {
                let skipped = bytes.len().min(self.content as usize);
                bytes = &bytes[skipped..];
                self.content -= skipped as u32;
            } else if self.head == 0 && bytes.len() >= 5 {
                self.foreign = bytes[0] > 1;
                self.content = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
                bytes = &bytes[5..];
                messages += u64::from(!self.foreign);
            } else {
                messages += self.step(bytes[0]);
                bytes = &bytes[1..];
            }
        }
        messages
    }

    /// Follows one byte of a head that comes in pieces.
    fn step(&mut self, byte: u8) -> u64 {
        if self.head == 0 {
            self.foreign = byte > 1;
            self.length = 0;
        } else {
            self.length = self.length << 8 | u32::from(byte);
        }
        self.head += 1;
        if self.head < 5 {
            return 0;
        }
        self.head = 0;
        self.content = self.length;
        1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_are_counted_however_they_are_cut(
            messages in proptest::collection::vec((0u8..2, proptest::collection::vec(any::<u8>(), 0..30)), 0..8),
            cuts in proptest::collection::vec(1usize..12, 1..40),
        ) {
            let mut bytes = Vec::new();
            for (flag, content) in &messages {
                bytes.push(*flag);
                bytes.extend((content.len() as u32).to_be_bytes());
                bytes.extend(content);
            }
            let (mut frames, mut counted, mut rest) = (Frames::default(), 0, &bytes[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, tail) = rest.split_at(rest.len().min(*cut));
                counted += frames.advance(piece);
                rest = tail;
            }
            prop_assert_eq!(counted, messages.len() as u64);
        }
    }

    #[test]
    fn a_json_body_has_no_messages() {
        let mut frames = Frames::default();
        assert_eq!(frames.advance(b"{\"name\":\"x\"}"), 0);
        assert_eq!(frames.advance(&[0, 0, 0, 0, 0]), 0, "whatever comes after");
    }
}
