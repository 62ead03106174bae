//! Chunks of a body that arrive on one side and are read, blocking, on the other.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc;

/// How many chunks may wait; a chunk has at most a few hundred kilobytes.
const WAITING: usize = 16;

/// Makes both ends; the reader is at its end when the sender is dropped.
pub(super) fn channel() -> (mpsc::Sender<Bytes>, ChunkReader) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (
        sender,
        ChunkReader {
            receiver,
            current: Bytes::new(),
        },
    )
}

/// Reads what the other end sends; blocks while nothing is there.
#[derive(Debug)]
pub(super) struct ChunkReader {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
