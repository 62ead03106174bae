//! The service that both layers make.
//!
//! Hot path: a look-up by path, a guard, and no allocation.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::{RequestBody, ResponseBody};
use super::classify::Classify;
use super::future::ResponseFuture;
use super::timeout::{self, ATTEMPT_TIMEOUT, TIMEOUT};
use crate::call::Call;
use crate::key::Side;
use crate::methods::Methods;
use crate::shard::Flow;

/// Which trace a call is part of: <https://www.w3.org/TR/trace-context/>.
const TRACE: &str = "traceparent";
/// What two of them say.
static NO_TRACE: HeaderValue = HeaderValue::from_static("");

/// A service whose calls are measured; made by [`ProviderLayer`](crate::ProviderLayer) and [`ConsumerLayer`](crate::ConsumerLayer).
#[derive(Clone, Debug)]
pub struct Measure<S, C> {
    inner: S,
    methods: Methods,
    classify: C,
    /// The direction of a request, as this side sees it.
    request: Flow,
    response: Flow,
}

impl<S, C> Measure<S, C> {
    pub(super) fn new(inner: S, methods: Methods, classify: C, side: Side) -> Self {
        let (request, response) = match side {
            Side::Provider => (Flow::Received, Flow::Sent),
            Side::Consumer => (Flow::Sent, Flow::Received),
        };
        Self {
            inner,
            methods,
            classify,
            request,
            response,
        }
    }
}

impl<S, C, B, R> Service<Request<B>> for Measure<S, C>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    C: Classify<S::Error> + Clone,
    B: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = self.methods.find(request.uri().path(), request.headers());
        let mut until_head = false;
        let call = method.map(|method| {
            let mut call = method.start();
            let asked = Asked::read(request.headers());
            if let Some(deadline) = asked.timeout.and_then(timeout::of_grpc) {
                call.set_deadline(deadline);
            } else if let Some(limit) = asked.attempt_timeout.and_then(timeout::of_attempt) {
                call.set_deadline(limit);
                until_head = true;
            }
            if let Some(trace) = asked.trace {
                call.set_traceparent(trace.as_bytes());
            }
            call
        });
        let shard = call.as_ref().map(Call::shard);
        let request = request.map(|body| RequestBody::new(body, shard, self.request));
        ResponseFuture::new(
            self.inner.call(request),
            call,
            self.classify.clone(),
            self.response,
            until_head,
        )
    }
}

/// The headers of a request that say something about its measuring: the first one of each name, and the only one for its trace.
#[derive(Default)]
struct Asked<'a> {
    timeout: Option<&'a HeaderValue>,
    attempt_timeout: Option<&'a HeaderValue>,
    trace: Option<&'a HeaderValue>,
}

impl<'a> Asked<'a> {
    /// Looks at each header once: calls carry a handful.
    #[inline]
    fn read(headers: &'a HeaderMap) -> Self {
        let mut asked = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                TIMEOUT if asked.timeout.is_none() => asked.timeout = Some(value),
                TRACE if asked.trace.is_none() => asked.trace = Some(value),
                TRACE => asked.trace = Some(&NO_TRACE),
                ATTEMPT_TIMEOUT if asked.attempt_timeout.is_none() => {
                    asked.attempt_timeout = Some(value);
                }
                _ => {}
            }
        }
        asked
    }
}
