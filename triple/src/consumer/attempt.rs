//! One attempt on one provider: sent, timed, and judged by its first frame.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use metrics_core::Outcome;
use tokio::time::{Instant, timeout};
use tonic::body::Body;
use tonic::{Code, Status};

use super::connection::{Failure, SendError};
use super::endpoint::{Endpoint, InFlight};
use super::failover::Ending;
use super::replay::{Replay, RequestBody};
use super::retry;
use crate::answer::{self, Answer};
use crate::{header, timeout as grpc_timeout};

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

/// How long the head of a response is held back in case it belongs to a unary call that failed, where it is not known whether the method
/// streams: the trailers of such a call come with the head or right after it.
const FIRST_FRAME: Duration = Duration::from_millis(10);

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
    let mut body = AttemptBody {
        first: None,
        rest: Some(rest),
        call: Some(Call {
            unary: limits.streaming == Some(false),
            in_flight,
            told: false,
            ok: true,
            ending: None,
        }),
    };
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
            (grpc_timeout::HEADER, grpc_timeout::write(left))
        } else {
            (header::TIMEOUT, grpc_timeout::write_attempt(left))
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

/// The body of the response that a caller gets: it ends at the attempt's deadline, and counts as in flight until then.
/// The default is the empty body of a response that no provider sent.
#[derive(Debug, Default)]
pub(super) struct AttemptBody {
    first: Option<Frame<Bytes>>,
    rest: Option<Answer>,
    call: Option<Call>,
}

#[derive(Debug)]
struct Call {
    unary: bool,
    /// With the call's deadline where the time of the whole response is limited.
    in_flight: InFlight,
    /// The trailers have come.
    told: bool,
    ok: bool,
    ending: Option<Ending>,
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(ending) = self.ending.take() {
            ending.conclude(self.in_flight.endpoint(), self.ok);
        }
    }
}

impl Call {
    /// Notes what came, as far as it tells how the attempt ended.
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        match frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.told = true;
                    self.ok = answer::is_ok(trailers)
                        || answer::status(trailers)
                            .is_some_and(|status| !retry::is_retryable(&status, None));
                }
            }
            // A stream that ends by its own deadline is no failure of the provider.
            Some(Err(status)) => self.ok = status.code() == Code::DeadlineExceeded && !self.unary,
            None => self.ok &= self.told,
        }
    }
}

impl AttemptBody {
    /// Has the end of the response told: when it comes, or now where it has come.
    pub(crate) fn tell(&mut self, ending: Ending) {
        match &mut self.call {
            Some(call) if !call.told => call.ending = Some(ending),
            _ => ending.count(true),
        }
    }

    fn has_trailers(&self) -> bool {
        self.first.as_ref().is_some_and(Frame::is_trailers)
    }

    /// Waits for what tells whether a call failed that has a head: the first frame of a unary call; of one that may be a stream only as long
    /// as a unary one would take.
    async fn judge(&mut self, streaming: Option<bool>) -> Result<Option<Status>, Status> {
        match streaming {
            Some(true) => Ok(None),
            Some(false) => self.peek().await,
            None => timeout(FIRST_FRAME, self.peek()).await.unwrap_or(Ok(None)),
        }
    }

    /// Waits for the first frame and keeps it. Returns the status where it is the trailers, which end a failed call.
    async fn peek(&mut self) -> Result<Option<Status>, Status> {
        match poll_fn(|cx| self.poll_rest(cx)).await {
            None => Ok(Some(answer::missing())),
            Some(Err(status)) => Err(status),
            Some(Ok(frame)) => {
                let status = frame
                    .trailers_ref()
                    .map(|trailers| answer::status(trailers).unwrap_or_else(answer::missing));
                self.first = Some(frame);
                Ok(status)
            }
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let (Some(rest), Some(call)) = (&mut self.rest, &mut self.call) else {
            return Poll::Ready(None);
        };
        // A stream that always has something to read ends in time as well.
        let frame = if !call.unary && call.in_flight.poll_over(cx).is_ready() {
            Poll::Pending
        } else {
            Pin::new(rest).poll_frame(cx)
        };
        let frame = match frame {
            Poll::Ready(Some(Ok(frame))) => Some(Ok(frame)),
            Poll::Ready(Some(Err(error))) => {
                let until = call.in_flight.until();
                Some(Err(transport(call.in_flight.endpoint(), error, until)))
            }
            Poll::Ready(None) => None,
            Poll::Pending => {
                ready!(call.in_flight.poll_over(cx));
                Some(Err(overdue(call.in_flight.endpoint())))
            }
        };
        call.note(frame.as_ref());
        if !matches!(frame, Some(Ok(_))) {
            self.rest = None;
            self.call = None;
        }
        Poll::Ready(frame)
    }
}

impl HttpBody for AttemptBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        self.poll_rest(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

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
