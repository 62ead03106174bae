//! A request's body as it arrives: within the memory that its connection may take, and over HTTP/1.1 within a time.
//!
//! Hot path: a message that arrives whole, as nearly all do, costs a look at its length.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tonic::Status;

mod rest;

pub(super) use rest::{Rest, discard};

/// How many bytes of unfinished messages one connection may hold. Sixteen of the largest messages fit at a time; without a limit a
/// connection could fill 4 GiB.
const MOST_UNFINISHED: usize = 64 * 1024 * 1024;

/// How many bytes of unfinished messages all connections of a provider may hold together.
const MOST_UNFINISHED_IN_ALL: usize = 4 * MOST_UNFINISHED;

/// How long a body over HTTP/1.1 may take to arrive. HTTP/2 looks after silent peers, and its callers send deadlines.
pub(super) const BODY_LIMIT: Duration = Duration::from_secs(30);

/// A gRPC message is preceded by a flag and its length.
const PREFIX: usize = 5;

/// What the requests of one connection, and of all together, hold of messages whose end has not come.
#[derive(Clone, Debug, Default)]
pub(super) struct Unfinished {
    here: Arc<AtomicUsize>,
    in_all: Arc<AtomicUsize>,
}

impl Unfinished {
    /// Begins a connection's own count, beside that of all.
    pub(super) fn for_connection(&self) -> Self {
        Self {
            here: Arc::default(),
            in_all: Arc::clone(&self.in_all),
        }
    }

    /// Counts more bytes, unless they are too many.
    fn grow(&self, bytes: usize) -> bool {
        let here = self.here.fetch_add(bytes, Ordering::Relaxed);
        let in_all = self.in_all.fetch_add(bytes, Ordering::Relaxed);
        let fits = here + bytes <= MOST_UNFINISHED && in_all + bytes <= MOST_UNFINISHED_IN_ALL;
        if !fits {
            self.shrink(bytes);
        }
        fits
    }

    fn shrink(&self, bytes: usize) {
        self.here.fetch_sub(bytes, Ordering::Relaxed);
        self.in_all.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// How far the current message of a body has come.
#[derive(Debug)]
enum Progress {
    /// Bytes of a message's beginning.
    Head([u8; PREFIX], usize),
    /// Bytes that have come of a message, and those that have not.
    Content(usize, usize),
    /// The body is one message, whatever stands in it.
    Whole(usize),
}

impl Progress {
    /// Follows the next bytes, and returns how many of the newest message have come if it is unfinished.
    fn advance(&mut self, mut bytes: &[u8]) -> usize {
        loop {
            match self {
                Self::Whole(came) => {
                    *came += bytes.len();
                    return *came;
                }
                Self::Content(came, missing) if *missing > bytes.len() => {
                    *came += bytes.len();
                    *missing -= bytes.len();
                    return *came;
                }
                Self::Content(_, missing) => {
                    bytes = &bytes[*missing..];
                    *self = Self::Head([0; PREFIX], 0);
                }
                Self::Head(head, came) => {
                    let taken = bytes.len().min(PREFIX - *came);
                    head[*came..*came + taken].copy_from_slice(&bytes[..taken]);
                    *came += taken;
                    if *came < PREFIX {
                        return *came;
                    }
                    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
                    bytes = &bytes[taken..];
                    *self = Self::Content(PREFIX, length as usize);
                }
            }
        }
    }
}

pin_project! {
    /// The body of a request.
    #[derive(Debug)]
    pub(super) struct Received<B> {
        #[pin]
        body: B,
        progress: Progress,
        held: Held,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

/// The share of one request, which it gives back when it ends.
#[derive(Debug)]
struct Held {
    bytes: usize,
    unfinished: Unfinished,
}

impl Held {
    /// Sets the share; false when there is no room for it.
    fn set(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes && !self.unfinished.grow(bytes - self.bytes) {
            return false;
        }
        if bytes < self.bytes {
            self.unfinished.shrink(self.bytes - bytes);
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.unfinished.shrink(self.bytes);
        }
    }
}

impl<B> Received<B> {
    /// Takes over a body of gRPC messages, or one that is collected whole.
    pub(super) fn new(body: B, unfinished: &Unfinished, framed: bool, timed: bool) -> Self {
        Self {
            body,
            progress: if framed {
                Progress::Head([0; PREFIX], 0)
            } else {
                Progress::Whole(0)
            },
            held: Held {
                bytes: 0,
                unfinished: unfinished.clone(),
            },
            timer: timed.then(|| Box::pin(sleep(BODY_LIMIT))),
        }
    }
}

impl<B> HttpBody for Received<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        match this.body.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let unfinished = frame.data_ref().map(|data| this.progress.advance(data));
                if unfinished.is_none_or(|bytes| this.held.set(bytes)) {
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(Some(Err(Status::resource_exhausted(format!(
                    "the connection holds {MOST_UNFINISHED} bytes of unfinished messages"
                )))))
            }
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(Status::from_error(error.into()))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let Some(timer) = this.timer else {
                    return Poll::Pending;
                };
                ready!(timer.as_mut().poll(cx));
                Poll::Ready(Some(Err(Status::deadline_exceeded(format!(
                    "no whole body within {BODY_LIMIT:?}"
                )))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_unfinished_message_is_followed_however_it_is_cut(
            lengths in proptest::collection::vec(0usize..30, 1..6),
            cut in 1usize..12,
        ) {
            let message = |length: &usize| [&[0, 0, 0, 0, *length as u8][..], &vec![1; *length]].concat();
            let messages: Vec<Vec<u8>> = lengths.iter().map(message).collect();
            let bytes = messages.concat();
            let mut progress = Progress::Head([0; PREFIX], 0);
            let mut at = 0;
            for piece in bytes.chunks(cut) {
                at += piece.len();
                let mut begin = 0;
                let ends = messages.iter().map(|message| { begin += message.len(); begin });
                let last = ends.take_while(|end| *end <= at).last().unwrap_or(0);
                prop_assert_eq!(progress.advance(piece), at - last);
            }
        }
    }

    #[test]
    fn all_connections_together_hold_no_more_than_their_limit() {
        let all = Unfinished::default();
        let connections: Vec<_> = (0..5).map(|_| all.for_connection()).collect();
        let grown = connections.iter().map(|each| each.grow(MOST_UNFINISHED));
        let grown: Vec<bool> = grown.collect();
        assert_eq!(grown, [true, true, true, true, false]);
        assert_eq!(connections[4].here.load(Ordering::Relaxed), 0);
        connections[0].shrink(1);
        assert!(
            connections[4].grow(1),
            "what one gives back another may take"
        );
        assert!(!connections[4].grow(1));
    }

    #[test]
    fn shares_are_given_back() {
        let unfinished = Unfinished::default();
        let mut held = Held {
            bytes: 0,
            unfinished: unfinished.clone(),
        };
        assert!(held.set(MOST_UNFINISHED));
        assert!(!unfinished.grow(1), "nothing is left");
        assert!(held.set(10));
        assert!(unfinished.grow(1));
        drop(held);
        assert_eq!(unfinished.here.load(Ordering::Relaxed), 1);
    }
}
