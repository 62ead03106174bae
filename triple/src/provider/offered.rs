//! A service as the provider keeps it, whatever the body of its answers.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either};
use http::{Request, Response};
use http_body::Body as HttpBody;
use tonic::body::Body;
use tower::ServiceExt;
use tower_service::Service;

/// A service with a body of its own, such as one with an interceptor, as the provider keeps it.
#[derive(Clone, Debug)]
pub(super) struct Offered<S>(pub(super) S);

impl<S, B> Service<Request<Body>> for Offered<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        Either<WithBody<S::Future>, BoxFuture<'static, Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Generated services are always ready, and the question costs nothing; what is not waits by itself.
        match self.0.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Either::Left(WithBody {
                call: self.0.call(request),
            }),
            Poll::Pending => {
                let service = self.0.clone();
                Either::Right(Box::pin(async move {
                    let Ok(response) = service.oneshot(request).await;
                    Ok(response.map(Body::new))
                }))
            }
        }
    }
}

pin_project_lite::pin_project! {
    /// An answer whose body becomes tonic's, which it usually is.
    pub(super) struct WithBody<F> {
        #[pin]
        call: F,
    }
}

impl<F, B> Future for WithBody<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.project().call.poll(cx);
        answer.map_ok(|response| response.map(Body::new))
    }
}
