//! The future of a measured call, up to the headers of its response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Body;

use super::body::ResponseBody;
use super::classify::Classify;
use super::status;
use super::web::Web;
use crate::call::Call;
use crate::shard::Flow;

pin_project_lite::pin_project! {
    /// The response of a measured service, not there yet. Dropped before it is, the call has ended.
    #[derive(Debug)]
    pub struct ResponseFuture<F, C> {
        #[pin]
        inner: F,
        call: Option<Call>,
        classify: C,
        flow: Flow,
        // Whether the deadline of the call is one of the head alone.
        until_head: bool,
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) fn new(
        inner: F,
        call: Option<Call>,
        classify: C,
        flow: Flow,
        until_head: bool,
    ) -> Self {
        Self {
            inner,
            call,
            classify,
            flow,
            until_head,
        }
    }
}

impl<F, C, R, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Response<R>, E>>,
    C: Classify<E>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        let mut call = this.call.take();
        if *this.until_head
            && let Some(call) = &mut call
        {
            call.set_deadline(Duration::MAX);
        }
        Poll::Ready(match result {
            Ok(response) => Ok(measure(response, call, *this.flow)),
            Err(error) => {
                if let Some(mut call) = call {
                    call.close_or_timeout(this.classify.outcome(&error));
                }
                Err(error)
            }
        })
    }
}

/// Ends the call when the response is complete with its headers, and hands it to the body otherwise.
fn measure<R: Body<Data = Bytes>>(
    response: Response<R>,
    call: Option<Call>,
    flow: Flow,
) -> Response<ResponseBody<R>> {
    let Some(call) = call else {
        return response.map(ResponseBody::unmeasured);
    };
    let head = status::of_head(&response);
    if response.body().is_end_stream() {
        call.end(head.at_the_end());
        return response.map(ResponseBody::unmeasured);
    }
    // Only an answer that is gRPC-Web pays for looking into its messages.
    let web = status::find(response.headers(), "content-type")
        .and_then(|kind| Web::of(kind.as_bytes()))
        .map(Box::new);
    response.map(|body| ResponseBody::new(body, call, head, flow, web))
}
