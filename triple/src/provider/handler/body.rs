//! The body of a handler's answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::super::listener::streams;
use super::limit::Limit;
use super::{caught, exceeded, panicked, trailers};

/// The largest piece of an answer that is handed to HTTP/2 at once. What it was handed can't be taken back at the deadline, and stays
/// in memory until the peer takes it.
const PIECE: usize = 64 * 1024;

/// A response body that ends with DEADLINE_EXCEEDED in its trailers when the deadline passes before its own end, and with INTERNAL when
/// it panics.
#[derive(Debug, Default)]
pub(in crate::provider) struct HandlerBody {
    body: Body,
    /// None when there is no deadline, and when it has passed.
    limit: Option<Limit>,
    /// What is left of a frame that is handed out in pieces.
    rest: Bytes,
}

impl HandlerBody {
    pub(super) fn new(body: Body, limit: Option<Limit>) -> Self {
        Self {
            body,
            limit,
            rest: Bytes::new(),
        }
    }

    /// Polls the handler's own body; a panic ends it.
    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut polled = Poll::Pending;
        let body = &mut self.body;
        if caught(|| polled = Pin::new(body).poll_frame(cx)).is_some() {
            return polled;
        }
        self.end();
        Poll::Ready(Some(Ok(Frame::trailers(trailers(&panicked())))))
    }

    /// Gives the handler's own body up.
    fn end(&mut self) {
        self.limit = None;
        // What a broken body drops may panic as well.
        caught(|| self.body = Body::empty());
    }

    /// Returns the next piece of a frame.
    fn piece(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(PIECE);
        Frame::data(self.rest.split_to(length))
    }
}

impl HttpBody for HandlerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(limit) = &mut self.limit else {
            return self.poll_handler(cx);
        };
        let at = limit.at;
        streams::asked_again();
        if !self.rest.is_empty() {
            streams::handed_out(at);
            return Poll::Ready(Some(Ok(self.piece())));
        }
        match self.poll_handler(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                streams::handed_out(at);
                Poll::Ready(Some(Ok(match frame.into_data() {
                    Ok(data) if data.len() > PIECE => {
                        self.rest = data;
                        self.piece()
                    }
                    Ok(data) => Frame::data(data),
                    Err(other) => other,
                })))
            }
            Poll::Ready(end) => Poll::Ready(end),
            Poll::Pending => {
                let Some(limit) = &mut self.limit else {
                    return Poll::Pending;
                };
                ready!(limit.poll_passed(cx));
                self.end();
                Poll::Ready(Some(Ok(Frame::trailers(trailers(&exceeded())))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() {
            self.body.size_hint()
        } else {
            SizeHint::default()
        }
    }
}
