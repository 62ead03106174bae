//! The service that both layers make.
//!
//! Hot path: a look-up by path, a guard, and no allocation.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::{RequestBody, ResponseBody};
use super::future::ResponseFuture;
use super::status;
use crate::call::Call;
use crate::key::Side;
use crate::methods::Methods;
use crate::outcome::Outcome;
use crate::shard::Flow;

const TIMEOUT: &str = "grpc-timeout";

/// How long a Dubbo consumer waits for the head of a response, as Go writes durations. No deadline: a stream may go on for longer.
const ATTEMPT_TIMEOUT: &str = "timeout";

/// Which trace a call is part of: <https://www.w3.org/TR/trace-context/>.
const TRACE: &str = "traceparent";

/// Tells the outcome of a call from an error of the service that a layer wraps.
///
/// Implemented for functions `Fn(&E) -> Outcome`.
pub trait Classify<E> {
    /// Returns the outcome that an error means.
    fn outcome(&self, error: &E) -> Outcome;
}

/// Takes every error as [`Outcome::UNKNOWN`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorsAreUnknown;

impl<E> Classify<E> for ErrorsAreUnknown {
    fn outcome(&self, _: &E) -> Outcome {
        Outcome::UNKNOWN
    }
}

impl<E, F: Fn(&E) -> Outcome> Classify<E> for F {
    fn outcome(&self, error: &E) -> Outcome {
        self(error)
    }
}

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
            if let Some(deadline) = asked.timeout.and_then(of_grpc_timeout) {
                call.set_deadline(deadline);
            } else if let Some(limit) = asked.attempt_timeout.and_then(of_attempt_timeout) {
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

/// The headers of a request that say something about its measuring, the first one of each name.
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
                ATTEMPT_TIMEOUT if asked.attempt_timeout.is_none() => {
                    asked.attempt_timeout = Some(value);
                }
                _ => {}
            }
        }
        asked
    }
}

/// Reads the header `grpc-timeout`: up to eight digits and a unit; none when it is absent or malformed.
///
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>
pub fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    of_grpc_timeout(status::find(headers, TIMEOUT)?)
}

fn of_grpc_timeout(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Reads how long the consumer waits for the head: whole seconds or milliseconds; none when it is written otherwise.
fn of_attempt_timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (number, unit): (_, fn(u64) -> Duration) = match text.strip_suffix("ms") {
        Some(number) => (number, Duration::from_millis),
        None => (text.strip_suffix('s')?, Duration::from_secs),
    };
    number.parse().ok().map(unit)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        let cases = [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("2999000u", Some(Duration::from_millis(2999))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("0m", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("3", None),
            ("3s", None),
            ("-3S", None),
            ("123456789S", None),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static(TIMEOUT),
                HeaderValue::from_static(text),
            )]);
            assert_eq!(grpc_timeout(&headers), expected, "{text:?}");
        }
        assert_eq!(grpc_timeout(&HeaderMap::new()), None);
    }
}
