//! Trailers of successful answers, which tonic has no words for: a handler leaves them in its response's extensions, and a layer of the
//! provider sends them.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame};
use tonic::Status;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

/// What a handler wants in its trailers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trailers(pub(crate) HeaderMap);

/// Sends the [`Trailers`] of each response.
#[derive(Clone, Debug)]
pub(crate) struct SendTrailers;

impl<S> Layer<S> for SendTrailers {
    type Service = Sending<S>;

    fn layer(&self, inner: S) -> Sending<S> {
        Sending(inner)
    }
}

/// The service that [`SendTrailers`] makes.
#[derive(Clone, Debug)]
pub(crate) struct Sending<S>(S);

impl<S> Service<Request<Body>> for Sending<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            Ok(match response.extensions_mut().remove::<Trailers>() {
                Some(Trailers(trailers)) => {
                    response.map(|body| Body::new(WithTrailers { body, trailers }))
                }
                None => response,
            })
        })
    }
}

struct WithTrailers {
    body: Body,
    trailers: HeaderMap,
}

impl HttpBody for WithTrailers {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            trailers.extend(std::mem::take(&mut self.trailers));
        }
        polled
    }
}
