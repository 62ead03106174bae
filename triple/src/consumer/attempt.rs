//! One attempt on one provider: sent, timed, and judged by its first frame.

use std::future::poll_fn;
use std::time::Duration;

use h2::Reason;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use metrics_core::Outcome;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};

use super::connection::{Failure, SendError};
use super::endpoint::Endpoint;
use super::replay::{Replay, RequestBody};
use crate::{answer, header, timeout};

mod body;

pub(super) use body::AttemptBody;

/// How an attempt ended, as far as failover is concerned.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The call succeeded, or a response message is on its way: nothing can be repeated any more.
    Answered(Response<AttemptBody>),
    /// The attempt failed before any response message.
    Failed(Failed),
    /// No handler can have seen the request: it may go again, at no cost.
    NotSent(Status),
}

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) status: Status,
    /// The provider's own response, where it sent one.
    pub(crate) response: Option<Response<AttemptBody>>,
    /// Whether the provider said so itself, with a status of gRPC.
    pub(crate) said: bool,
}

impl Failed {
    /// A failure that the provider has not told.
    pub(crate) fn untold(status: Status) -> Attempt {
        Attempt::Failed(Self {
            status,
            response: None,
            said: false,
        })
    }
}

/// How long an attempt may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// When the response's head has to be there; none for no limit.
    pub(crate) until: Option<Instant>,
    /// Whether the limit is one of the whole response.
    pub(crate) whole: bool,
    /// Whether the method is one of streams, where that is known.
    pub(crate) streaming: Option<bool>,
}

/// How often it is looked at most whether a caller is still sending.
const SHORTEST_HEAD: Duration = Duration::from_millis(10);

/// Sends the request to an endpoint, and waits until the outcome is clear or the time is over. The attempt begins at `now`.
pub(crate) async fn send<B: RequestBody>(
    endpoint: &Endpoint,
    head: &Parts,
    replay: &Replay<B>,
    limits: Limits,
    now: Instant,
) -> Attempt {
    let Some(connection) = endpoint.open_connection() else {
        return Attempt::NotSent(gone(endpoint));
    };
    let request = request(head, replay, connection.origin(), limits, now);
    let mut sending = std::pin::pin!(connection.sender().send(request));
    let mut in_flight = connection.enter(limits.until);
    let sent = loop {
        tokio::select! {
            biased;
            sent = &mut sending => break sent,
            () = poll_fn(|cx| in_flight.poll_over(cx)) => {}
        }
        // A stream's provider may answer when the caller has ended it: until then the time of the head does not run.
        let until = limits
            .until
            .filter(|_| !limits.whole && replay.awaits_caller());
        let Some(until) = until else {
            return Failed::untold(overdue(endpoint));
        };
        in_flight.extend(Instant::now() + (until - now).max(SHORTEST_HEAD));
    };
    let response = match sent {
        Ok(response) => response,
        Err(SendError { error, failure }) => {
            let not_sent = match failure {
                Failure::Refused => true,
                Failure::Broken => replay.is_untouched(),
                Failure::Reset => false,
            };
            let status = transport(endpoint, error, limits.until);
            return if not_sent {
                Attempt::NotSent(status)
            } else {
                Failed::untold(status)
            };
        }
    };
    if !limits.whole {
        in_flight.forget_deadline();
    }
    let (head, rest) = response.into_parts();
    let mut body = AttemptBody::new(rest, limits.streaming == Some(false), in_flight);
    let told = answer::status(&head.headers);
    let said = told.is_some();
    let status = match told.or_else(|| refusal(head.status, &head.headers)) {
        Some(status) => Some(status),
        // While the caller is still sending, it may be waiting for this head before it goes on.
        None if replay.is_sent() => match body.judge(limits.streaming).await {
            Ok(status) => status,
            Err(status) => return Failed::untold(status),
        },
        None => None,
    };
    let said = said || body.has_trailers();
    let response = Response::from_parts(head, body);
    match status {
        Some(status) if status.code() != Code::Ok => Attempt::Failed(Failed {
            status,
            response: Some(response),
            said,
        }),
        _ => Attempt::Answered(response),
    }
}

/// Makes the request of one attempt: the caller's, sent to this origin, with the time that is left.
fn request<B: RequestBody>(
    head: &Parts,
    replay: &Replay<B>,
    origin: &Uri,
    limits: Limits,
    now: Instant,
) -> Request<Body> {
    let mut request = Request::new(replay.attempt());
    *request.method_mut() = head.method.clone();
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = target(origin, &head.uri);
    *request.headers_mut() = head.headers.clone();
    if let Some(until) = limits.until {
        let left = until.saturating_duration_since(now);
        // What limits the head alone is no deadline of the call: the provider is told for its figures.
        let (name, value) = if limits.whole {
            (timeout::HEADER, timeout::write(left))
        } else {
            (header::TIMEOUT, timeout::write_attempt(left))
        };
        request.headers_mut().insert(name, value);
    }
    request
}

/// Returns the request's target on this origin.
fn target(origin: &Uri, original: &Uri) -> Uri {
    let mut parts = origin.clone().into_parts();
    parts.path_and_query = original.path_and_query().cloned();
    // Scheme and authority come from a valid URI, and a request's target has a path.
    Uri::from_parts(parts).unwrap_or_else(|_| original.clone())
}

/// Returns the status that a head without a status of gRPC stands for; none where that is still to come.
fn refusal(http: StatusCode, headers: &HeaderMap) -> Option<Status> {
    if http == StatusCode::OK {
        return answer::foreign(headers);
    }
    let code = match Outcome::from_http_status(http).code() {
        // Another success than 200 is no answer to a call.
        None | Some(0) => Code::Unknown,
        Some(code) => Code::from(i32::from(code)),
    };
    Some(Status::new(
        code,
        format!("the provider answered HTTP {http}"),
    ))
}

fn gone(endpoint: &Endpoint) -> Status {
    Status::unavailable(format!("the connection to {} is gone", endpoint.address()))
}

fn overdue(endpoint: &Endpoint) -> Status {
    Status::deadline_exceeded(format!("no answer from {} in time", endpoint.address()))
}

/// Returns what a broken connection means, UNAVAILABLE, or a stream that was reset: what gRPC says of HTTP/2's reason.
///
/// grpc-go resets a stream with CANCEL when the deadline that it was told is over, which may be a moment before our own clock says so.
fn transport(endpoint: &Endpoint, error: h2::Error, until: Option<Instant>) -> Status {
    let address = endpoint.address();
    if !error.is_reset() || error.reason() == Some(Reason::REFUSED_STREAM) {
        return Status::unavailable(format!("the connection to {address} broke: {error}"));
    }
    let is_late = until.is_some_and(|until| Instant::now() + CLOCK_MARGIN >= until);
    if error.is_remote() && error.reason() == Some(Reason::CANCEL) && is_late {
        return overdue(endpoint);
    }
    let text = format!("{address} reset the stream: {error}");
    Status::new(Status::from_error(error.into()).code(), text)
}

/// How far apart the clocks of both sides may ring.
const CLOCK_MARGIN: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_keeps_the_path_and_takes_the_origin() {
        let origin = Uri::from_static("http://127.0.0.1:20000/");
        let original = Uri::from_static("/greet.GreetService/Greet");
        let target = target(&origin, &original);
        assert_eq!(target, "http://127.0.0.1:20000/greet.GreetService/Greet");
    }

    #[test]
    fn an_http_error_without_a_grpc_status_is_translated() {
        for (http, code) in [
            (204, Code::Unknown),
            (503, Code::Unavailable),
            (404, Code::Unimplemented),
            (500, Code::Unknown),
        ] {
            let status = refusal(StatusCode::from_u16(http).unwrap(), &HeaderMap::new());
            assert_eq!(status.unwrap().code(), code, "{http}");
        }
    }

    #[test]
    fn a_plain_200_says_nothing_yet() {
        assert!(refusal(StatusCode::OK, &HeaderMap::new()).is_none());
    }
}
