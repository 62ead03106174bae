//! The answer to a gRPC request: as the service gave it, with its status completed.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::status::{self, Caller};

pin_project_lite::pin_project! {
    /// The answer to a gRPC request.
    #[derive(Debug)]
    pub(crate) struct GrpcAnswer<F> {
        #[pin]
        call: F,
        caller: Caller,
    }
}

impl<F> GrpcAnswer<F> {
    pub(super) fn new(call: F, caller: Caller) -> Self {
        Self { call, caller }
    }
}

impl<F, B> Future for GrpcAnswer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<GrpcBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let caller = *this.caller;
        let Ok(mut response) = ready!(this.call.poll(cx));
        status::complete(response.headers_mut(), caller);
        Poll::Ready(Ok(response.map(|body| GrpcBody { body, caller })))
    }
}

pin_project_lite::pin_project! {
    /// The body of an answer, whose trailers carry a status that any peer understands.
    #[derive(Debug)]
    pub(crate) struct GrpcBody<B> {
        #[pin]
        body: B,
        caller: Caller,
    }
}

impl<B: HttpBody<Data = Bytes>> HttpBody for GrpcBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let mut polled = this.body.poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            status::complete(trailers, *this.caller);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
