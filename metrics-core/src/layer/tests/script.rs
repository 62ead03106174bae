//! Requests and responses made beforehand, and what reads them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame};

/// A body of frames made beforehand; it is silent for ever where a frame is missing.
#[derive(Debug, Default)]
pub(super) struct Script(VecDeque<Step>);

#[derive(Debug)]
pub(super) enum Step {
    Data(&'static [u8]),
    Trailers(HeaderMap),
    Fail,
    Silence,
}

impl Script {
    pub(super) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.0.pop_front() {
            Some(Step::Data(bytes)) => {
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(bytes)))))
            }
            Some(Step::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Some(Step::Fail) => Poll::Ready(Some(Err("the stream broke"))),
            Some(Step::Silence) => {
                self.0.push_front(Step::Silence);
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

pub(super) const TWO_MESSAGES: &[u8] = &[0, 0, 0, 0, 1, b'x', 0, 0, 0, 0, 0];

pub(super) fn trailers(status: &'static str) -> Step {
    Step::Trailers(HeaderMap::from_iter([(
        HeaderName::from_static("grpc-status"),
        HeaderValue::from_static(status),
    )]))
}

pub(super) fn grpc(steps: impl IntoIterator<Item = Step>) -> Response<Script> {
    let mut response = Response::new(Script::new(steps));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

pub(super) fn request(path: &str) -> Request<Script> {
    Request::post(path)
        .body(Script::new([Step::Data(TWO_MESSAGES)]))
        .unwrap()
}

pub(super) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Reads a body until it ends, breaks or falls silent.
pub(super) fn read<B: Body + Unpin>(body: &mut B) {
    while let Poll::Ready(Some(Ok(_))) =
        Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop()))
    {}
}
