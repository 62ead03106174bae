//! Enforces `grpc-timeout` on the provider: a handler that overruns is ended, and the caller is told so.
//!
//! tonic's own server drops the future as well, but answers CANCELLED; callers and metrics need DEADLINE_EXCEEDED.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::listener::streams;
use crate::timeout;

/// The largest piece of an answer that is handed to HTTP/2 at once. What it was handed can't be taken back at the deadline, and stays
/// in memory until the peer takes it.
const PIECE: usize = 64 * 1024;

/// A service whose calls end at the deadline that their `grpc-timeout` header sets; calls without one are not touched.
#[derive(Clone, Debug)]
pub(crate) struct Deadline<S> {
    inner: S,
}

impl<S> Deadline<S> {
    pub(crate) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for Deadline<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<DeadlineBody>;
    type Error = Infallible;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let limit = timeout::read(request.headers());
        DeadlineFuture {
            call: self.inner.call(request),
            limit: limit.map(Limit::after),
        }
    }
}

/// A deadline, and the timer that wakes the task then: made only when the work is not done at the first poll.
#[derive(Debug)]
struct Limit {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Limit {
    fn after(limit: Duration) -> Self {
        Self {
            at: Instant::now() + limit,
            timer: None,
        }
    }

    fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        self.timer
            .get_or_insert_with(|| Box::pin(sleep_until(at)))
            .as_mut()
            .poll(cx)
    }
}

fn exceeded() -> Status {
    Status::deadline_exceeded(
        "the handler did not finish before the deadline that grpc-timeout set",
    )
}

pin_project! {
    /// The answer of a call, or DEADLINE_EXCEEDED.
    pub(crate) struct DeadlineFuture<F> {
        #[pin]
        call: F,
        limit: Option<Limit>,
    }
}

impl<F> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<DeadlineBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.call.poll(cx) {
            Poll::Ready(Ok(response)) => response,
            Poll::Pending => {
                let Some(limit) = this.limit else {
                    return Poll::Pending;
                };
                ready!(limit.poll_passed(cx));
                exceeded().into_http()
            }
        };
        let limit = this.limit.take();
        Poll::Ready(Ok(response.map(|body| DeadlineBody {
            body,
            limit,
            rest: Bytes::new(),
        })))
    }
}

/// A response body that ends with DEADLINE_EXCEEDED in its trailers when the deadline passes before its own end.
#[derive(Debug, Default)]
pub(crate) struct DeadlineBody {
    body: Body,
    /// None when there is no deadline, and when it has passed.
    limit: Option<Limit>,
    /// What is left of a frame that is handed out in pieces.
    rest: Bytes,
}

impl DeadlineBody {
    /// Returns the next piece of a frame.
    fn piece(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(PIECE);
        Frame::data(self.rest.split_to(length))
    }
}

impl HttpBody for DeadlineBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(limit) = &mut self.limit else {
            return Pin::new(&mut self.body).poll_frame(cx);
        };
        let at = limit.at;
        streams::asked_again();
        if !self.rest.is_empty() {
            streams::handed_out(at);
            return Poll::Ready(Some(Ok(self.piece())));
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
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
                self.limit = None;
                self.body = Body::empty();
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

/// Returns the trailers of an answer that ends with this status.
pub(super) fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        // Only a message that is no header value can fail, and the code says enough.
        trailers.insert(Status::GRPC_STATUS, (status.code() as i32).into());
    }
    trailers
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use http_body_util::{BodyExt, StreamBody};
    use tower::{ServiceExt, service_fn};

    use super::*;

    fn request(limit: &str) -> Request<()> {
        Request::builder()
            .header(timeout::HEADER, limit)
            .body(())
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_overruns_is_answered_with_deadline_exceeded() {
        let service = Deadline::new(service_fn(|_: Request<()>| pending()));
        let response = service.oneshot(request("50m")).await.unwrap();
        assert_eq!(response.headers()[Status::GRPC_STATUS], "4");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_overruns_ends_with_deadline_exceeded_in_its_trailers() {
        let service = Deadline::new(service_fn(|_: Request<()>| async {
            let never = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Status>>());
            Ok(Response::new(Body::new(never)))
        }));
        let response = service.oneshot(request("1S")).await.unwrap();
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()[Status::GRPC_STATUS], "4");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_a_timeout_takes_the_time_it_needs() {
        let service = Deadline::new(service_fn(|_: Request<()>| async {
            tokio::time::sleep(Duration::from_secs(86_400)).await;
            Ok(Response::new(Body::empty()))
        }));
        let response = service.oneshot(Request::new(())).await.unwrap();
        assert!(response.headers().get(Status::GRPC_STATUS).is_none());
    }
}
