//! One attempt on one provider: sent, timed, and judged by its first frame.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use metrics_core::Outcome;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};

use super::connection::{Failure, SendError};
use super::endpoint::{Endpoint, InFlight};
use super::replay::{Replay, RequestBody};
use crate::answer::{self, Answer};

/// How an attempt ended, as far as failover is concerned.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The call succeeded, or a response message is on its way: nothing can be repeated any more.
    Answered(Response<AttemptBody>),
    /// The attempt failed before any response message: with the provider's own response where it sent one.
    Failed(Status, Option<Response<AttemptBody>>),
    /// No handler can have seen the request: it may go again, at no cost.
    NotSent(Status),
}

/// Sends the request, and waits until the outcome is clear or the deadline passes.
pub(crate) async fn send<B: RequestBody>(
    endpoint: &Arc<Endpoint>,
    request: Request<Body>,
    replay: &Replay<B>,
    deadline: Instant,
) -> Attempt {
    let Some(sender) = endpoint.sender() else {
        return Attempt::NotSent(gone(endpoint));
    };
    let in_flight = endpoint.enter();
    let mut timer = Box::pin(sleep_until(deadline));
    let sent = tokio::select! {
        biased;
        sent = sender.send(request) => sent,
        () = &mut timer => return Attempt::Failed(overdue(endpoint), None),
    };
    let response = match sent {
        Ok(response) => response,
        Err(SendError { error, failure }) => {
            let not_sent = match failure {
                Failure::Refused => true,
                Failure::Broken => replay.is_untouched(),
                Failure::Reset => false,
            };
            let status = transport(endpoint, error.into());
            return if not_sent {
                Attempt::NotSent(status)
            } else {
                Attempt::Failed(status, None)
            };
        }
    };
    let (head, rest) = response.into_parts();
    let mut body = AttemptBody {
        first: None,
        rest: Some(rest),
        call: Some(Call { timer, in_flight }),
    };
    let status = match refusal(head.status, &head.headers) {
        Some(status) => Some(status),
        // While the caller is still sending, it may be waiting for this head before it goes on.
        None if replay.is_sent() => match body.peek().await {
            Ok(status) => status,
            Err(status) => return Attempt::Failed(status, None),
        },
        None => None,
    };
    let response = Response::from_parts(head, body);
    match status {
        Some(status) if status.code() != Code::Ok => Attempt::Failed(status, Some(response)),
        _ => Attempt::Answered(response),
    }
}

/// Returns the request's target on this origin.
pub(crate) fn target(origin: &Uri, original: &Uri) -> Uri {
    let mut parts = origin.clone().into_parts();
    parts.path_and_query = original.path_and_query().cloned();
    // Scheme and authority come from a valid URI, and a request's target has a path.
    Uri::from_parts(parts).unwrap_or_else(|_| original.clone())
}

/// Returns the status that a response's head carries already: gRPC's own, or what its HTTP status stands for.
fn refusal(http: StatusCode, headers: &HeaderMap) -> Option<Status> {
    if let Some(status) = answer::status(headers) {
        return Some(status);
    }
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

/// Returns what a broken connection or stream means: what HTTP/2 says where it says something, else UNAVAILABLE.
fn transport(endpoint: &Endpoint, error: tonic::codegen::StdError) -> Status {
    let text = format!("the connection to {} broke: {error}", endpoint.address());
    let status = Status::from_error(error);
    match status.code() {
        Code::Unknown | Code::Cancelled => Status::unavailable(text),
        _ => status,
    }
}

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
    timer: Pin<Box<Sleep>>,
    in_flight: InFlight,
}

impl AttemptBody {
    /// Waits for the first frame and keeps it. Returns the status where it is the trailers, which end a failed call.
    async fn peek(&mut self) -> Result<Option<Status>, Status> {
        match std::future::poll_fn(|cx| self.poll_rest(cx)).await {
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
        let frame = match Pin::new(rest).poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => {
                Some(Err(transport(call.in_flight.endpoint(), error.into())))
            }
            Poll::Ready(Some(Ok(frame))) => return Poll::Ready(Some(Ok(frame))),
            Poll::Ready(None) => None,
            Poll::Pending if call.timer.as_mut().poll(cx).is_ready() => {
                Some(Err(overdue(call.in_flight.endpoint())))
            }
            Poll::Pending => return Poll::Pending,
        };
        self.rest = None;
        self.call = None;
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
