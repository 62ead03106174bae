//! The answer to one request, wherever its call runs.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::provider::dispatch::{Measured, Placed};

pin_project! {
    /// The future of an answer. hyper polls those over HTTP/1.1 within the task of their connection, so the place of the call is chosen here;
    /// over HTTP/2 each has a task, which is placed as a whole.
    #[project = AnswerProjection]
    pub(super) enum Answer<F, R> {
        Stream { #[pin] call: F },
        Here { #[pin] call: Measured<F> },
        Pool { task: AbortOnDropHandle<Result<R, Infallible>> },
    }
}

impl<F, R> Answer<F, R>
where
    F: Future<Output = Result<R, Infallible>> + Send + 'static,
    R: Send + 'static,
{
    /// Answers a request over HTTP/1.1. The call ends with its connection.
    pub(super) fn placed(call: F, placed: Option<Placed>) -> Self {
        let Some(placed) = placed else {
            return Self::Stream { call };
        };
        match placed.elsewhere().cloned() {
            Some(pool) => Self::Pool {
                task: AbortOnDropHandle::new(pool.spawn(Measured::new(call, placed))),
            },
            None => Self::Here {
                call: Measured::new(call, placed),
            },
        }
    }
}

impl<F, R> Future for Answer<F, R>
where
    F: Future<Output = Result<R, Infallible>>,
{
    type Output = Result<R, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = match self.project() {
            AnswerProjection::Stream { call } => call.poll(cx),
            AnswerProjection::Here { call } => call.poll(cx),
            AnswerProjection::Pool { task } => {
                return Pin::new(task)
                    .poll(cx)
                    .map(|joined| joined.map(|Ok(answer)| answer));
            }
        };
        answered.map(|Ok(answer)| Ok(answer))
    }
}
