//! The future and the body of a consumer's call, measured or not.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body_util::Either;
use metrics_core::{AnyError, ResponseBody, ResponseFuture};

use super::attempt::AttemptBody;
use super::failover::CallFuture;

/// The body of a response.
pub type ConsumerBody = Either<AttemptBody, ResponseBody<AttemptBody>>;

pin_project_lite::pin_project! {
    /// A call on its way.
    pub struct ConsumerFuture {
        #[pin]
        call: Call,
    }
}

pin_project_lite::pin_project! {
    #[project = Projected]
    enum Call {
        Plain { #[pin] call: CallFuture },
        Measured { #[pin] call: ResponseFuture<CallFuture, AnyError> },
    }
}

impl ConsumerFuture {
    pub(super) fn plain(call: CallFuture) -> Self {
        let call = Call::Plain { call };
        Self { call }
    }

    pub(super) fn measured(call: ResponseFuture<CallFuture, AnyError>) -> Self {
        let call = Call::Measured { call };
        Self { call }
    }
}

impl fmt::Debug for ConsumerFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerFuture").finish_non_exhaustive()
    }
}

impl Future for ConsumerFuture {
    type Output = Result<Response<ConsumerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().call.project() {
            Projected::Plain { call } => call.poll(cx).map_ok(|answer| answer.map(Either::Left)),
            Projected::Measured { call } => {
                call.poll(cx).map_ok(|answer| answer.map(Either::Right))
            }
        }
    }
}
