//! Runs handlers: one that overruns the call's `grpc-timeout` is ended, one that panics is answered for, and the caller is told so.
//!
//! tonic's own server drops a handler that overruns as well, but answers CANCELLED; callers and metrics need DEADLINE_EXCEEDED. A panic
//! would end the task of the call; its stream is reset, which says nothing, and the caller may try it again elsewhere.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use super::dispatch;
use crate::timeout;

mod body;
mod limit;

#[cfg(test)]
mod tests;

pub(super) use body::HandlerBody;
use limit::Limit;

/// A service whose calls end at the deadline that their `grpc-timeout` header sets, and whose panics are answers.
#[derive(Clone, Debug)]
pub(super) struct Handlers<S> {
    inner: S,
}

impl<S> Handlers<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for Handlers<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<HandlerBody>;
    type Error = Infallible;
    type Future = HandlerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let limit = timeout::read(request.headers());
        HandlerFuture {
            call: caught(|| self.inner.call(request)),
            limit: limit.map(Limit::after),
        }
    }
}

pin_project! {
    /// The answer of a call, or DEADLINE_EXCEEDED or INTERNAL.
    pub(super) struct HandlerFuture<F> {
        #[pin]
        call: Option<F>,
        limit: Option<Limit>,
    }
}

impl<F> Future for HandlerFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<HandlerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut polled = Poll::Pending;
        let whole = this.call.as_mut().as_pin_mut().and_then(|call| {
            // Written in place: an answer that is returned through the catch is copied once more.
            caught(|| polled = call.poll(cx))
        });
        let response = match polled {
            Poll::Ready(Ok(response)) => response,
            Poll::Pending if whole.is_none() => {
                // What a broken future drops may panic as well.
                caught(|| this.call.set(None));
                panicked().into_http()
            }
            Poll::Pending => {
                let Some(limit) = this.limit else {
                    return Poll::Pending;
                };
                ready!(limit.poll_passed(cx));
                exceeded().into_http()
            }
        };
        let limit = this.limit.take();
        Poll::Ready(Ok(response.map(|body| HandlerBody::new(body, limit))))
    }
}

/// Runs a part of a call; none when it panicked, which the panic's own hook has written down.
fn caught<T>(part: impl FnOnce() -> T) -> Option<T> {
    // Nothing that the part may have left half done is used again: the call ends here.
    match catch_unwind(AssertUnwindSafe(part)) {
        Ok(whole) => Some(whole),
        Err(panic) => {
            if is_of_block_in_place(&*panic) {
                dispatch::needs_pool();
            }
            None
        }
    }
}

/// Tells whether tokio refused to block a thread that has no others beside it, as those of connections are.
fn is_of_block_in_place(panic: &(dyn Any + Send)) -> bool {
    let text = match panic.downcast_ref::<String>() {
        Some(text) => text.as_str(),
        None => panic.downcast_ref::<&str>().copied().unwrap_or_default(),
    };
    text == "can call blocking only when running on the multi-threaded runtime"
}

fn panicked() -> Status {
    Status::internal("the handler panicked")
}

fn exceeded() -> Status {
    Status::deadline_exceeded(
        "the handler did not finish before the deadline that grpc-timeout set",
    )
}

/// Returns trailers that carry the status.
pub(super) fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        // Only a message that is no header value can fail, and the code says enough.
        trailers.insert(Status::GRPC_STATUS, (status.code() as i32).into());
    }
    trailers
}
