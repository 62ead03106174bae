//! The body of an attempt's response: judged by its first frame, limited by the deadline, and told of when it ends.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::timeout;
use tonic::{Code, Status};

use super::{overdue, transport};
use crate::answer;
use crate::consumer::connection::ResponseBody;
use crate::consumer::context::Ending;
use crate::consumer::endpoint::InFlight;
use crate::consumer::retry;

/// How long the head of a response is held back in case it belongs to a unary call that failed, where it is not known whether the method
/// streams: the trailers of such a call come with the head or right after it.
const FIRST_FRAME: Duration = Duration::from_millis(10);

/// The body of the response that a caller gets: it ends at the attempt's deadline, and counts as in flight until then.
/// The default is the empty body of a response that no provider sent.
#[derive(Debug, Default)]
pub(in crate::consumer) struct AttemptBody {
    first: Option<Frame<Bytes>>,
    rest: Option<ResponseBody>,
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
    /// Makes the body of a response whose head has come.
    pub(super) fn new(rest: ResponseBody, unary: bool, in_flight: InFlight) -> Self {
        Self {
            first: None,
            rest: Some(rest),
            call: Some(Call {
                unary,
                in_flight,
                told: false,
                ok: true,
                ending: None,
            }),
        }
    }

    /// Has the end of the response told: when it comes, or now where it has come.
    pub(crate) fn tell(&mut self, ending: Ending) {
        match &mut self.call {
            Some(call) if !call.told => call.ending = Some(ending),
            _ => ending.count(true),
        }
    }

    pub(super) fn has_trailers(&self) -> bool {
        self.first.as_ref().is_some_and(Frame::is_trailers)
    }

    /// Waits for what tells whether a call failed that has a head: the first frame of a unary call; of one that may be a stream only as long
    /// as a unary one would take.
    pub(super) async fn judge(
        &mut self,
        streaming: Option<bool>,
    ) -> Result<Option<Status>, Status> {
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
