//! Answers for handlers that panic: the call fails with INTERNAL, and nothing else does.
//!
//! Without this the panic ends the task of the call; its stream is reset, which says nothing, and the caller may try it again elsewhere.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;
use tower_service::Service;

use super::deadline::trailers;

/// A service whose panics are answers.
#[derive(Clone, Debug)]
pub(super) struct Panics<S> {
    inner: S,
}

impl<S> Panics<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

/// Runs a part of a call; none when it panicked, which the panic's own hook has written down.
fn caught<T>(part: impl FnOnce() -> T) -> Option<T> {
    // Nothing that the part may have left half done is used again: the call ends here.
    catch_unwind(AssertUnwindSafe(part)).ok()
}

fn panicked() -> Status {
    Status::internal("the handler panicked")
}

impl<S, Q, B> Service<Request<Q>> for Panics<S>
where
    S: Service<Request<Q>, Response = Response<B>, Error = Infallible>,
    B: HttpBody<Data = Bytes> + Default,
{
    type Response = Response<PanicBody<B>>;
    type Error = Infallible;
    type Future = PanicFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        PanicFuture {
            call: caught(|| self.inner.call(request)),
        }
    }
}

pin_project! {
    /// The answer of a call, or INTERNAL.
    pub(super) struct PanicFuture<F> {
        #[pin]
        call: Option<F>,
    }
}

impl<F, B> Future for PanicFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Default,
{
    type Output = Result<Response<PanicBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = this.call.as_mut().as_pin_mut();
        let polled = polled.and_then(|call| caught(|| call.poll(cx)));
        let response = match polled {
            Some(polled) => {
                let Ok(response) = ready!(polled);
                response
            }
            None => {
                // What a broken future drops may panic as well.
                caught(|| this.call.set(None));
                panicked().into_http()
            }
        };
        Poll::Ready(Ok(response.map(|body| PanicBody { body: Some(body) })))
    }
}

pin_project! {
    /// The body of an answer; a panic in it ends it with INTERNAL in its trailers.
    pub(super) struct PanicBody<B> {
        #[pin]
        body: Option<B>,
    }
}

impl<B: HttpBody<Data = Bytes>> HttpBody for PanicBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        caught(|| body.poll_frame(cx)).unwrap_or_else(|| {
            caught(|| this.body.set(None));
            Poll::Ready(Some(Ok(Frame::trailers(trailers(&panicked())))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty, StreamBody};
    use tonic::body::Body;
    use tower::{ServiceExt, service_fn};

    use super::*;

    async fn answer<S, F>(service: S) -> Response<PanicBody<Body>>
    where
        S: FnMut(Request<()>) -> F,
        F: Future<Output = Result<Response<Body>, Infallible>>,
    {
        Panics::new(service_fn(service))
            .oneshot(Request::new(()))
            .await
            .unwrap()
    }

    fn broken() -> bool {
        panic!("the handler is broken");
    }

    #[tokio::test]
    async fn a_panic_before_and_in_the_future_is_internal() {
        let before = answer(|_| {
            broken();
            std::future::ready(Ok(Response::default()))
        });
        let within = answer(|_| async {
            tokio::task::yield_now().await;
            broken();
            Ok(Response::default())
        });
        for answer in [before.await, within.await] {
            assert_eq!(answer.headers()[Status::GRPC_STATUS], "13");
            assert!(
                answer
                    .into_body()
                    .collect()
                    .await
                    .unwrap()
                    .trailers()
                    .is_none()
            );
        }
    }

    #[tokio::test]
    async fn a_panic_in_the_stream_is_internal_in_the_trailers() {
        let answer = answer(|_| async {
            let messages = [1, 2].map(|number| {
                if number == 2 {
                    None
                } else {
                    Some(Ok::<_, Status>(Frame::data(Bytes::from_static(b"x"))))
                }
            });
            let messages = tokio_stream::iter(messages);
            let messages = tokio_stream::StreamExt::map(messages, |message| message.unwrap());
            Ok(Response::new(Body::new(StreamBody::new(messages))))
        });
        let body = answer.await.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()[Status::GRPC_STATUS], "13");
        assert_eq!(body.to_bytes(), "x");
    }

    #[tokio::test]
    async fn an_answer_is_passed_on() {
        let answer = answer(|_| async { Ok(Response::new(Body::new(Empty::new()))) }).await;
        assert!(answer.headers().is_empty());
        assert!(answer.into_body().is_end_stream());
    }
}
