//! A service that does nothing, for what a layer costs by itself.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use tower_service::Service;

/// Answers every call with one message and the status 0 in the trailers, without an allocation of its own.
#[derive(Clone, Debug)]
pub struct Echo;

/// The body of an answer: one message, then the trailers.
#[derive(Debug)]
pub struct Answer {
    trailers: Option<HeaderMap>,
    message: bool,
}

/// A body of nothing.
#[derive(Debug)]
pub struct Empty;

/// A trace that is sampled, as `traceparent` says it.
pub const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const MESSAGE: &[u8] = &[0, 0, 0, 0, 1, b'x'];

impl<B> Service<Request<B>> for Echo {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Turns the headers of the request, which are those of the answer, into its trailers.
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, _) = request.into_parts();
        ready(Ok(Response::new(Answer {
            trailers: Some(parts.headers),
            message: true,
        })))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.message) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(MESSAGE)))));
        }
        Poll::Ready(
            self.trailers
                .take()
                .map(|trailers| Ok(Frame::trailers(trailers))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none()
    }
}

impl Body for Empty {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

/// Returns a request whose headers hold what the answer's trailers are to hold.
///
/// # Panics
/// When the path is none.
pub fn request(path: &'static str) -> Request<Empty> {
    let mut request = Request::new(Empty);
    *request.uri_mut() = http::Uri::from_static(path);
    request.headers_mut().insert(
        HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    );
    request
}

/// Returns the same request as part of a trace that is sampled.
///
/// # Panics
/// When the path is none.
pub fn traced_request(path: &'static str) -> Request<Empty> {
    let mut request = request(path);
    request.headers_mut().insert(
        HeaderName::from_static("traceparent"),
        HeaderValue::from_static(TRACEPARENT),
    );
    request
}

/// Makes one call and reads its answer to the end.
///
/// # Panics
/// When the service is not ready at once, which [`Echo`] is.
pub fn layered_call<S, B>(service: &mut S, request: Request<Empty>)
where
    S: Service<Request<Empty>, Response = Response<B>, Error = Infallible>,
    B: Body,
{
    let mut context = Context::from_waker(Waker::noop());
    let future = std::pin::pin!(service.call(request));
    let Poll::Ready(Ok(response)) = future.poll(&mut context) else {
        unreachable!("the echo answers at once");
    };
    let mut body = std::pin::pin!(response.into_body());
    while !body.is_end_stream() {
        let Poll::Ready(Some(_)) = body.as_mut().poll_frame(&mut context) else {
            break;
        };
    }
}
