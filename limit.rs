//! How many calls a provider runs at a time: a layer that refuses the others at once.
//!
//! A provider that takes more than it can do answers everything late, and nothing within its callers' deadlines. One that refuses what is
//! too much answers the rest as fast as ever, and its callers turn to other providers.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::provider::{interface, is_companion};

/// Refuses calls with RESOURCE_EXHAUSTED while as many are running as may. A layer for [`Provider::layer`](crate::Provider::layer), which
/// belongs outside of others, so that what is refused costs nothing.
///
/// A call runs from its head to the last byte of its answer. Health, metadata and reflection are not counted and not refused, so that a
/// provider at its limit is not taken for one that is gone.
#[derive(Clone, Debug)]
pub struct CallLimit {
    most: usize,
    running: Arc<AtomicUsize>,
}

impl CallLimit {
    /// Lets this many calls run at a time, on all connections together.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            running: Arc::default(),
        }
    }

    /// Returns how many calls are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Option<Running> {
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        let running = Running(Arc::clone(&self.running));
        (before < self.most).then_some(running)
    }
}

/// A call that is counted until this is dropped.
#[derive(Debug)]
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Layer<S> for CallLimit {
    type Service = CallLimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CallLimitService {
            inner,
            limit: self.clone(),
        }
    }
}

/// A service behind a [`CallLimit`].
#[derive(Clone, Debug)]
pub struct CallLimitService<S> {
    inner: S,
    limit: CallLimit,
}

impl<S> Service<Request<Body>> for CallLimitService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = CallLimitFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let companion = interface(request.uri().path()).is_some_and(is_companion);
        let running = if companion {
            None
        } else {
            match self.limit.enter() {
                Some(running) => Some(running),
                None => return CallLimitFuture::refused(self.limit.most),
            }
        };
        CallLimitFuture {
            call: Some(self.inner.call(request)),
            most: self.limit.most,
            running,
        }
    }
}

pin_project! {
    /// The answer of a call within the limit, or RESOURCE_EXHAUSTED.
    #[derive(Debug)]
    pub struct CallLimitFuture<F> {
        #[pin]
        call: Option<F>,
        most: usize,
        running: Option<Running>,
    }
}

impl<F> CallLimitFuture<F> {
    fn refused(most: usize) -> Self {
        Self {
            call: None,
            most,
            running: None,
        }
    }
}

impl<F> Future for CallLimitFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(call) = this.call.as_pin_mut() else {
            let status = Status::resource_exhausted(format!(
                "this provider runs {} calls already, as many as it may",
                this.most
            ));
            return Poll::Ready(Ok(status.into_http()));
        };
        let Ok(response) = ready!(call.poll(cx));
        Poll::Ready(Ok(match this.running.take() {
            Some(running) if !response.body().is_end_stream() => response.map(|body| {
                Body::new(Held {
                    body,
                    _running: running,
                })
            }),
            _ => response,
        }))
    }
}

/// An answer whose call is counted until it is read or given up.
struct Held {
    body: Body,
    _running: Running,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
