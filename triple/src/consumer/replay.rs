//! Records a request's body as it is sent, so that a further attempt can send it again.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tonic::Status;
use tonic::body::Body;

/// The largest body that is recorded, a message of gRPC's usual limit; a larger one is sent once.
const MOST_RECORDED_BYTES: usize = 4 * 1024 * 1024 + HEADER_BYTES;

/// What stands before each message.
const HEADER_BYTES: usize = 5;

/// The largest body that is recorded whatever other calls have recorded: the usual small request.
const SMALL_BYTES: usize = 64 * 1024;

/// What larger bodies may hold in the process, all together; further ones are sent once.
const MOST_LARGE_BYTES: usize = 64 * 1024 * 1024;

/// What larger bodies hold now.
static LARGE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The part of [`MOST_LARGE_BYTES`] that one body has taken.
#[derive(Debug, Default)]
struct LargeBody(usize);

impl LargeBody {
    /// Takes so many more bytes; false when they are not there.
    fn grow(&mut self, bytes: usize) -> bool {
        let grow = |held: usize| Some(held + bytes).filter(|held| *held <= MOST_LARGE_BYTES);
        let has_grown = LARGE_BYTES
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow)
            .is_ok();
        self.0 += if has_grown { bytes } else { 0 };
        has_grown
    }
}

impl Drop for LargeBody {
    fn drop(&mut self) {
        if self.0 > 0 {
            LARGE_BYTES.fetch_sub(self.0, Ordering::Relaxed);
        }
    }
}

/// What a generated client sends: tonic's body, as it is or wrapped by a layer.
pub(crate) trait RequestBody:
    HttpBody<Data = Bytes, Error = Status> + Send + Unpin + 'static
{
}

impl<B> RequestBody for B where B: HttpBody<Data = Bytes, Error = Status> + Send + Unpin + 'static {}

/// A request's body and what was sent of it so far.
#[derive(Debug)]
pub(crate) struct Replay<B> {
    record: Arc<Mutex<Record<B>>>,
}

#[derive(Debug)]
struct Record<B> {
    body: B,
    chunks: Vec<Bytes>,
    bytes: usize,
    large: LargeBody,
    /// What was read behind the newest chunk and not sent yet.
    ahead: Option<Result<Frame<Bytes>, Status>>,
    /// Grows with each attempt: only the newest may read on.
    attempt: usize,
    /// The newest attempt has asked for the body.
    polled: bool,
    /// The caller has still to give what was asked for last.
    awaits_caller: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Untouched,
    Sending,
    Complete,
    /// Too large, or with frames that cannot be sent twice.
    Unrepeatable,
}

impl<B: RequestBody> Replay<B> {
    pub(crate) fn new(body: B) -> Self {
        let state = if body.is_end_stream() {
            State::Complete
        } else {
            State::Untouched
        };
        Self {
            record: Arc::new(Mutex::new(Record {
                body,
                chunks: Vec::new(),
                bytes: 0,
                large: LargeBody::default(),
                ahead: None,
                attempt: 0,
                polled: false,
                awaits_caller: false,
                state,
            })),
        }
    }

    /// Returns the body for one more attempt; the one before sends nothing more.
    pub(crate) fn attempt(&self) -> Body {
        // The lock is released before the body is made: making it looks at the record.
        let attempt = {
            let mut record = self.record.lock();
            record.attempt += 1;
            record.polled = false;
            record.attempt
        };
        Body::new(Replayed {
            record: Arc::clone(&self.record),
            attempt,
            sent: 0,
        })
    }

    /// Returns whether the whole body was sent, however large it was.
    pub(crate) fn is_sent(&self) -> bool {
        let record = self.record.lock();
        record.state == State::Complete || record.body.is_end_stream()
    }

    /// Returns whether the newest attempt had a message to send and has not even asked for it, so that no handler of it can have run.
    pub(crate) fn is_untouched(&self) -> bool {
        let record = self.record.lock();
        let is_empty = record.state == State::Complete && record.chunks.is_empty();
        !record.polled && !is_empty
    }

    /// Returns whether the caller has still to give the next part, as one of a stream may for as long as it likes.
    pub(crate) fn awaits_caller(&self) -> bool {
        self.record.lock().awaits_caller
    }

    /// Returns whether what was sent so far can be sent again, and the rest after it: enough after an attempt that no handler has seen.
    pub(crate) fn is_resendable(&self) -> bool {
        self.record.lock().state != State::Unrepeatable
    }

    /// Returns whether another attempt would send the same: the body was small enough and read to its end, or not at all.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.record.lock().state, State::Untouched | State::Complete)
    }
}

impl<B: RequestBody> Record<B> {
    /// Returns whether so many more bytes may be recorded.
    fn has_room(&mut self, more: usize) -> bool {
        let bytes = self.bytes + more;
        bytes <= SMALL_BYTES || (bytes <= MOST_RECORDED_BYTES && self.large.grow(more))
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.awaits_caller = frame.is_pending();
        frame
    }

    /// Notes what the body gave, and returns it to be sent.
    fn keep(
        &mut self,
        frame: Option<Result<Frame<Bytes>, Status>>,
    ) -> Option<Result<Frame<Bytes>, Status>> {
        match &frame {
            None if self.state == State::Unrepeatable => {}
            None => self.state = State::Complete,
            Some(Ok(frame)) if self.state != State::Unrepeatable => {
                self.state = match frame.data_ref() {
                    Some(chunk) if self.has_room(chunk.len()) => {
                        self.bytes += chunk.len();
                        self.chunks.push(chunk.clone());
                        if self.body.is_end_stream() {
                            State::Complete
                        } else {
                            State::Sending
                        }
                    }
                    _ => {
                        self.chunks = Vec::new();
                        self.large = LargeBody::default();
                        State::Unrepeatable
                    }
                };
            }
            Some(_) => self.state = State::Unrepeatable,
        }
        frame
    }

    /// Asks for the frame after the one just read. A generated client's body tells its end only when it is asked once more;
    /// a connection that breaks before that would leave a unary request half sent, and the end goes out in a frame of its own.
    fn look_ahead(&mut self, cx: &mut Context<'_>) {
        if self.state != State::Sending {
            return;
        }
        match self.read(cx) {
            Poll::Ready(None) => self.state = State::Complete,
            Poll::Ready(frame) => self.ahead = frame,
            Poll::Pending => {}
        }
    }
}

/// What one attempt sends: first the record, then the rest of the body.
#[derive(Debug)]
struct Replayed<B> {
    record: Arc<Mutex<Record<B>>>,
    attempt: usize,
    sent: usize,
}

impl<B: RequestBody> HttpBody for Replayed<B> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let mut record = this.record.lock();
        if record.attempt != this.attempt {
            return Poll::Ready(Some(Err(Status::cancelled("a later attempt took over"))));
        }
        record.polled = true;
        if let Some(chunk) = record.chunks.get(this.sent) {
            this.sent += 1;
            return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
        }
        if record.state == State::Complete {
            return Poll::Ready(None);
        }
        let frame = match record.ahead.take() {
            Some(frame) => Some(frame),
            None => std::task::ready!(record.read(cx)),
        };
        let frame = record.keep(frame);
        record.look_ahead(cx);
        this.sent = record.chunks.len();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let record = self.record.lock();
        record.state == State::Complete && self.sent == record.chunks.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;

    async fn read(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_further_attempt_sends_the_same_bytes() {
        let replay = Replay::new(Body::new(Full::new(Bytes::from_static(b"hello"))));
        for _ in 0..3 {
            assert_eq!(read(replay.attempt()).await, "hello");
            assert!(replay.is_repeatable());
        }
    }

    #[tokio::test]
    async fn a_body_that_was_never_read_is_repeatable() {
        let replay = Replay::new(Body::new(Full::new(Bytes::from_static(b"hello"))));
        drop(replay.attempt());
        assert!(replay.is_repeatable());
        assert_eq!(read(replay.attempt()).await, "hello");
    }

    #[tokio::test]
    async fn a_large_body_is_sent_once() {
        let large = Bytes::from(vec![7; MOST_RECORDED_BYTES + 1]);
        let replay = Replay::new(Body::new(Full::new(large.clone())));
        assert_eq!(read(replay.attempt()).await, large);
        assert!(replay.is_sent());
        assert!(!replay.is_repeatable());
    }

    #[tokio::test]
    async fn a_body_that_is_still_being_sent_is_not_repeatable() {
        let (sender, chunks) = tokio::sync::mpsc::channel(1);
        let stream = tokio_stream::wrappers::ReceiverStream::new(chunks);
        let replay = Replay::new(Body::new(StreamBody::new(stream)));
        sender
            .send(Ok::<_, Status>(Frame::data(Bytes::from_static(b"a"))))
            .await
            .unwrap();
        let first = replay.attempt().frame().await;
        assert!(first.unwrap().unwrap().is_data());
        assert!(replay.awaits_caller());
        assert!(!replay.is_sent());
        assert!(!replay.is_repeatable());
    }

    #[tokio::test]
    async fn large_bodies_share_a_bound_and_give_their_part_back() {
        let large = || Replay::new(Body::new(Full::new(vec![7; MOST_RECORDED_BYTES].into())));
        for _ in 0..2 {
            let mut recorded = Vec::new();
            loop {
                let replay = large();
                assert_eq!(read(replay.attempt()).await.len(), MOST_RECORDED_BYTES);
                if !replay.is_repeatable() {
                    break;
                }
                assert_eq!(read(replay.attempt()).await.len(), MOST_RECORDED_BYTES);
                recorded.push(replay);
            }
            assert_eq!(recorded.len(), MOST_LARGE_BYTES / MOST_RECORDED_BYTES);
            let small = Replay::new(Body::new(Full::new(vec![7; SMALL_BYTES].into())));
            assert_eq!(read(small.attempt()).await.len(), SMALL_BYTES);
            assert!(small.is_repeatable(), "whatever the large ones hold");
        }
    }

    /// A body that tells its end only when it is asked once more, as a generated client's.
    fn stream(chunks: &[&'static str]) -> Body {
        let frames: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok::<_, Status>(Frame::data(Bytes::from_static(chunk.as_bytes()))))
            .collect();
        Body::new(StreamBody::new(tokio_stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_unary_body_is_complete_with_its_only_frame() {
        let replay = Replay::new(stream(&["hello"]));
        let mut attempt = replay.attempt();
        assert!(attempt.frame().await.unwrap().unwrap().is_data());
        assert!(attempt.is_end_stream(), "the end goes with the frame");
        assert!(replay.is_sent());
        assert!(replay.is_repeatable());
        assert_eq!(read(replay.attempt()).await, "hello");
    }

    #[tokio::test]
    async fn what_was_read_ahead_is_sent_in_its_turn() {
        let replay = Replay::new(stream(&["a", "b", "c"]));
        assert_eq!(read(replay.attempt()).await, "abc");
        assert!(replay.is_repeatable());
        assert_eq!(read(replay.attempt()).await, "abc");
    }

    #[tokio::test]
    async fn an_attempt_that_was_replaced_reads_nothing_more() {
        let replay = Replay::new(Body::new(Full::new(Bytes::from_static(b"hello"))));
        let first = replay.attempt();
        let second = replay.attempt();
        assert!(first.collect().await.is_err());
        assert_eq!(read(second).await, "hello");
    }
}
