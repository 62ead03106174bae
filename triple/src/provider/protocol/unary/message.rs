//! The body of a gRPC request whose only message is still being read.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body as HttpBody, Frame};
use tonic::Status;

/// A body of one message, which comes when it has been read.
pub(super) struct Message {
    /// None once it has been read.
    reading: Option<BoxFuture<'static, Result<Bytes, Status>>>,
}

impl Message {
    /// Takes over what reads the message, framed as gRPC does it.
    pub(super) fn new(
        reading: impl Future<Output = Result<Bytes, Status>> + Send + 'static,
    ) -> Self {
        Self {
            reading: Some(Box::pin(reading)),
        }
    }
}

impl HttpBody for Message {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let read = ready!(reading.as_mut().poll(cx));
        self.reading = None;
        Poll::Ready(Some(read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.reading.is_none()
    }
}
