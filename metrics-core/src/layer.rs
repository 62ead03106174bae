//! The tower layers that measure calls over HTTP: one for the side that answers, one for the side that calls.

mod body;
mod classify;
mod frames;
mod future;
mod service;
mod status;
mod timeout;
mod web;

use tower_layer::Layer;

use crate::key::{KnownService, Side};
use crate::methods::Methods;
use crate::metrics::Metrics;
pub use body::{RequestBody, ResponseBody};
pub use classify::{Classify, ErrorsAreUnknown};
pub use future::ResponseFuture;
pub use service::Measure;
pub use timeout::grpc_timeout;

/// Measures the calls that a server answers.
///
/// Wraps any service from `http::Request` to `http::Response`, such as tonic's routes. A call lasts from the request to the trailers of the
/// response, or to where its future or its stream is dropped. Its outcome is, in this order:
///
/// 1. an [`Outcome`](crate::Outcome) in the response's extensions, which a layer below may leave there;
/// 2. `grpc-status` in the headers or the trailers, with the code of `grpc-status-details-bin` before it, where Dubbo's business error (17) travels;
/// 3. the HTTP status, for responses that are not gRPC's.
///
/// Requests for other interfaces than the given services pass unmeasured.
#[derive(Clone, Debug)]
pub struct ProviderLayer<C = ErrorsAreUnknown> {
    methods: Methods,
    classify: C,
}

impl ProviderLayer {
    /// Makes a layer that measures calls of these services.
    pub fn new(metrics: &Metrics, services: &[KnownService]) -> Self {
        Self {
            methods: Methods::new(metrics, Side::Provider, services),
            classify: ErrorsAreUnknown,
        }
    }
}

impl<C> ProviderLayer<C> {
    /// Sets what tells the outcome of a call from an error of the wrapped service, which is unknown otherwise.
    pub fn classify<F>(self, classify: F) -> ProviderLayer<F> {
        ProviderLayer {
            methods: self.methods,
            classify,
        }
    }
}

impl<S, C: Clone> Layer<S> for ProviderLayer<C> {
    type Service = Measure<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Measure::new(
            inner,
            self.methods.clone(),
            self.classify.clone(),
            Side::Provider,
        )
    }
}

/// Measures the calls that a client makes.
///
/// Wraps any service from `http::Request` to `http::Response`, and is one under a generated client. It belongs outside of whatever tries a call
/// again, so that one call counts once. It tells outcomes as [`ProviderLayer`] does. When the request carries `grpc-timeout` and that
/// time is over, an error or a drop counts as a timeout.
///
/// The wrapped service gets a [`RequestBody`]; tonic's own channel wants `tonic::body::Body`, for which
/// `map_request(|request| request.map(tonic::body::Body::new))` goes between.
#[derive(Clone, Debug)]
pub struct ConsumerLayer<C = ErrorsAreUnknown> {
    methods: Methods,
    classify: C,
}

impl ConsumerLayer {
    /// Makes a layer that measures calls of these services.
    pub fn new(metrics: &Metrics, services: &[KnownService]) -> Self {
        Self {
            methods: Methods::new(metrics, Side::Consumer, services),
            classify: ErrorsAreUnknown,
        }
    }
}

impl<C> ConsumerLayer<C> {
    /// Sets what tells the outcome of a call from an error of the wrapped service, which is unknown otherwise.
    pub fn classify<F>(self, classify: F) -> ConsumerLayer<F> {
        ConsumerLayer {
            methods: self.methods,
            classify,
        }
    }

    /// Returns the table from paths to methods: what tries calls again finds there what to count its attempts on.
    pub fn methods(&self) -> &Methods {
        &self.methods
    }
}

impl<S, C: Clone> Layer<S> for ConsumerLayer<C> {
    type Service = Measure<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Measure::new(
            inner,
            self.methods.clone(),
            self.classify.clone(),
            Side::Consumer,
        )
    }
}

#[cfg(test)]
mod tests;
