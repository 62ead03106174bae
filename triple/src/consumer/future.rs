//! The future and the body of a consumer's call, measured or not.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use metrics_core::{ErrorsAreUnknown, ResponseBody, ResponseFuture};
use tonic::Status;

use super::attempt::AttemptBody;
use super::failover::CallFuture;

pin_project_lite::pin_project! {
    /// The body of a response. The default is an empty one, which an interceptor answers with in a provider's place.
    #[derive(Debug, Default)]
    pub struct ConsumerBody {
        #[pin]
        inner: Inner,
    }
}

pin_project_lite::pin_project! {
    #[derive(Debug)]
    #[project = ProjectedBody]
    enum Inner {
        Plain { #[pin] body: AttemptBody },
        Measured { #[pin] body: ResponseBody<AttemptBody> },
    }
}

impl Default for Inner {
    fn default() -> Self {
        let body = AttemptBody::default();
        Self::Plain { body }
    }
}

impl ConsumerBody {
    fn plain(body: AttemptBody) -> Self {
        let inner = Inner::Plain { body };
        Self { inner }
    }

    fn measured(body: ResponseBody<AttemptBody>) -> Self {
        let inner = Inner::Measured { body };
        Self { inner }
    }
}

impl Body for ConsumerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.project().inner.project() {
            ProjectedBody::Plain { body } => body.poll_frame(cx),
            ProjectedBody::Measured { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Plain { body } => body.is_end_stream(),
            Inner::Measured { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Plain { body } => body.size_hint(),
            Inner::Measured { body } => body.size_hint(),
        }
    }
}

pin_project_lite::pin_project! {
    /// A call on its way.
    pub struct ConsumerFuture {
        #[pin]
        call: Call,
    }
}

pin_project_lite::pin_project! {
    #[project = Projected]
    enum Call {
        Plain { #[pin] call: CallFuture },
        Measured { #[pin] call: ResponseFuture<CallFuture, ErrorsAreUnknown> },
    }
}

impl ConsumerFuture {
    pub(super) fn plain(call: CallFuture) -> Self {
        let call = Call::Plain { call };
        Self { call }
    }

    pub(super) fn measured(call: ResponseFuture<CallFuture, ErrorsAreUnknown>) -> Self {
        let call = Call::Measured { call };
        Self { call }
    }
}

impl fmt::Debug for ConsumerFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerFuture").finish_non_exhaustive()
    }
}

impl Future for ConsumerFuture {
    type Output = Result<Response<ConsumerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().call.project() {
            Projected::Plain { call } => call
                .poll(cx)
                .map_ok(|answer| answer.map(ConsumerBody::plain)),
            Projected::Measured { call } => call
                .poll(cx)
                .map_ok(|answer| answer.map(ConsumerBody::measured)),
        }
    }
}
