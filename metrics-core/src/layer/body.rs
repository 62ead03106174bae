//! The bodies of a measured call: messages are counted as they pass, and the response's end is the call's.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::frames::Frames;
use super::status::Head;
use super::web::Web;
use crate::call::Call;
use crate::outcome::Outcome;
use crate::shard::{Flow, Shard};

pin_project_lite::pin_project! {
    /// A request's body whose messages are counted.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        shard: Option<&'static Shard>,
        flow: Flow,
        frames: Frames,
    }
}

impl<B> RequestBody<B> {
    pub(super) fn new(inner: B, shard: Option<&'static Shard>, flow: Flow) -> Self {
        Self {
            inner,
            shard,
            flow,
            frames: Frames::default(),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        // A frame is large: it is looked at where it is, and never moved.
        let polled = this.inner.poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let (Some(data), Some(shard)) = (frame.data_ref(), this.shard)
        {
            shard.count(*this.flow, this.frames.advance(data));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

pin_project_lite::pin_project! {
    /// A response's body that ends its call: with the trailers, at the end of the stream, with an error, or when it is dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B: Body> {
        #[pin]
        inner: B,
        measured: Option<Measured>,
    }

    impl<B: Body> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            // A reader need not ask again when the body says that nothing more comes.
            let this = this.project();
            if let Some(measured) = this.measured && this.inner.is_end_stream() {
                measured.call.close(measured.head.at_the_end());
            }
        }
    }
}

#[derive(Debug)]
struct Measured {
    call: Call,
    head: Head,
    flow: Flow,
    frames: Frames,
    /// Set where the trailers are part of the body.
    web: Option<Box<Web>>,
}

impl Measured {
    /// Counts the messages in these bytes, and ends the call when they hold its trailers.
    fn count(&mut self, data: &[u8]) {
        let Some(web) = &mut self.web else {
            let messages = self.frames.advance(data);
            self.call.count(self.flow, messages);
            return;
        };
        let (messages, outcome) = web.advance(data);
        self.call.count(self.flow, messages);
        if let Some(outcome) = outcome {
            self.call.close(self.head.with_outcome(outcome));
        }
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn new(inner: B, call: Call, head: Head, flow: Flow, web: Option<Box<Web>>) -> Self {
        Self {
            inner,
            measured: Some(Measured {
                call,
                head,
                flow,
                frames: Frames::default(),
                web,
            }),
        }
    }

    pub(super) fn unmeasured(inner: B) -> Self {
        Self {
            inner,
            measured: None,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(cx);
        let (Poll::Ready(frame), Some(measured)) = (&polled, this.measured.as_mut()) else {
            return polled;
        };
        match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    measured.count(data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    measured.call.close(measured.head.with_trailers(trailers));
                }
            }
            Some(Err(_)) => measured.call.close_or_timeout(Outcome::UNKNOWN),
            None => measured.call.close(measured.head.at_the_end()),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
