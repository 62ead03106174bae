//! What is heard on a connection: any byte, any answer, and the peer's GOAWAY, read from the frames as they come in.
//!
//! On the way of every call: nine bytes of each frame are looked at, and flags are written only where they change.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// The types of frames that matter (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const GOAWAY: u8 = 7;

const FRAME_HEADER: usize = 9;

/// A GOAWAY's payload as far as its error code.
const GOAWAY_CODE: usize = 8;

/// The type of a record with an alert, with which a peer of TLS answers what is none (RFC 8446, section 5.1). As the first byte of an
/// HTTP/2 connection it would be a frame of more than a megabyte.
const ALERT_RECORD: u8 = 21;

/// What a peer began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    Nothing,
    Frames,
    /// An alert of TLS.
    Tls,
}

const NO_REASON: u32 = u32::MAX;

/// What was heard on one connection.
#[derive(Debug)]
pub(super) struct Signs {
    /// Any byte since the last look.
    heard: AtomicBool,
    /// The head of a response or a part of one since the last look.
    answered: AtomicBool,
    /// Bytes came that are not an alert, and that are one.
    frames: AtomicBool,
    alert: AtomicBool,
    closed: AtomicBool,
    closing: CancellationToken,
    reason: AtomicU32,
}

impl Default for Signs {
    fn default() -> Self {
        Self {
            heard: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            frames: AtomicBool::new(false),
            alert: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            closing: CancellationToken::new(),
            reason: AtomicU32::new(NO_REASON),
        }
    }
}

impl Signs {
    /// Returns whether the connection takes requests.
    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// Notes that the connection takes no more requests.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.closing.cancel();
    }

    /// Completes when the connection takes no more requests.
    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Returns what the peer began with.
    pub(super) fn begin(&self) -> Begin {
        if self.alert.load(Ordering::Relaxed) {
            Begin::Tls
        } else if self.frames.load(Ordering::Relaxed) {
            Begin::Frames
        } else {
            Begin::Nothing
        }
    }

    fn began(&self, first: u8) {
        let sign = if first == ALERT_RECORD {
            &self.alert
        } else {
            &self.frames
        };
        set(sign);
    }

    /// Returns the reason in the peer's newest GOAWAY.
    pub(super) fn reason(&self) -> Option<Reason> {
        let reason = self.reason.load(Ordering::Relaxed);
        (reason != NO_REASON).then(|| reason.into())
    }

    /// Returns whether any byte came since the last look.
    pub(super) fn take_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    /// Returns whether any part of a response came since the last look.
    pub(super) fn take_answered(&self) -> bool {
        self.answered.swap(false, Ordering::Relaxed)
    }

    fn goes_away(&self, reason: u32) {
        self.reason.store(reason, Ordering::Relaxed);
        self.close();
    }
}

fn set(flag: &AtomicBool) {
    if !flag.load(Ordering::Relaxed) {
        flag.store(true, Ordering::Relaxed);
    }
}

/// A stream whose incoming frames leave [`Signs`].
#[derive(Debug)]
pub(super) struct Heard<T> {
    stream: T,
    signs: Arc<Signs>,
    frames: Frames,
    began: bool,
}

impl<T> Heard<T> {
    pub(super) fn new(stream: T, signs: Arc<Signs>) -> Self {
        Self {
            stream,
            signs,
            frames: Frames::default(),
            began: false,
        }
    }
}

/// Where in the sequence of frames the bytes read so far end.
#[derive(Debug, Default)]
struct Frames {
    /// A frame's header, and of a GOAWAY the payload as far as its code.
    head: [u8; FRAME_HEADER + GOAWAY_CODE],
    filled: usize,
    /// The rest of a frame's payload.
    skip: usize,
}

impl Frames {
    fn pass(&mut self, mut bytes: &[u8], signs: &Signs) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let taken = (self.wanted() - self.filled).min(bytes.len());
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled < self.wanted() {
                continue;
            }
            match self.kind() {
                DATA | HEADERS => set(&signs.answered),
                GOAWAY if self.filled > FRAME_HEADER => {
                    let code = &self.head[FRAME_HEADER + 4..];
                    signs.goes_away(u32::from_be_bytes([code[0], code[1], code[2], code[3]]));
                }
                _ => {}
            }
            self.skip = self.length() - (self.filled - FRAME_HEADER);
            self.filled = 0;
        }
    }

    /// Returns how many bytes of the frame have to be there before it is known.
    fn wanted(&self) -> usize {
        if self.filled >= FRAME_HEADER && self.kind() == GOAWAY && self.length() >= GOAWAY_CODE {
            FRAME_HEADER + GOAWAY_CODE
        } else {
            FRAME_HEADER
        }
    }

    fn kind(&self) -> u8 {
        self.head[3]
    }

    fn length(&self) -> usize {
        let [a, b, c, ..] = self.head;
        u32::from_be_bytes([0, a, b, c]) as usize
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            if !this.began {
                this.began = true;
                this.signs.began(read[0]);
            }
            set(&this.signs.heard);
            this.frames.pass(read, &this.signs);
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, payload.len() as u8, kind, 0, 0, 0, 0, 0];
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_goaway_is_found_wherever_the_bytes_are_cut() {
        let settings = frame(4, &[0; 6]);
        let goaway = frame(GOAWAY, b"\x7f\xff\xff\xff\0\0\0\x0btoo_many_pings");
        let bytes = [settings, frame(DATA, &[GOAWAY; 40]), goaway].concat();
        for cut in 1..bytes.len() {
            let (signs, mut frames) = (Signs::default(), Frames::default());
            frames.pass(&bytes[..cut], &signs);
            frames.pass(&bytes[cut..], &signs);
            assert!(!signs.is_open(), "cut at {cut}");
            assert_eq!(signs.reason(), Some(Reason::ENHANCE_YOUR_CALM));
            assert!(signs.take_answered());
        }
    }

    #[test]
    fn pings_and_settings_are_no_answers() {
        let (signs, mut frames) = (Signs::default(), Frames::default());
        for byte in [frame(4, &[0; 6]), frame(4, &[]), frame(6, &[GOAWAY; 8])].concat() {
            frames.pass(&[byte], &signs);
        }
        assert!(!signs.take_answered());
        assert!(signs.is_open());
    }
}
