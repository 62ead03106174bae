//! The answer to a gRPC request: as the service gave it, with its status completed, and packed where the caller accepts that.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;

use super::super::compression::{self, Encoding, Packer};
use super::AnswerBody;
use super::head::Head;
use crate::status::{self, Caller};

/// How an answer is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writing {
    caller: Caller,
    /// The request was packed in a way that is not known, and the answer says what is.
    unknown: bool,
    /// How messages are packed, and from which length on; not at all if there is none.
    packer: Option<(Encoding, usize)>,
}

impl Writing {
    /// Returns how an answer to a request with this head is written.
    #[inline]
    pub(super) fn of(head: &Head<'_>) -> Self {
        let known = head.packed();
        let accepted = head.accepted;
        let accepted = accepted.and_then(|list| Encoding::first_of(list.as_bytes()));
        Self {
            caller: head.caller(),
            unknown: known.is_none() && head.encoding.is_some_and(|name| name != "identity"),
            packer: accepted.map(|accepted| (accepted, known.map_or(Packer::SMALLEST, |_| 1))),
        }
    }
}

pin_project_lite::pin_project! {
    /// The answer to a gRPC request.
    #[derive(Debug)]
    pub(crate) struct GrpcAnswer<F> {
        #[pin]
        call: F,
        writing: Writing,
    }
}

impl<F> GrpcAnswer<F> {
    pub(super) fn new(call: F, writing: Writing) -> Self {
        Self { call, writing }
    }
}

impl<F, B> Future for GrpcAnswer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<AnswerBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Writing {
            caller,
            unknown,
            packer,
        } = *this.writing;
        let Ok(mut response) = ready!(this.call.poll(cx));
        let headers = response.headers_mut();
        status::complete(headers, caller);
        if unknown {
            let accepted = HeaderValue::from_static(compression::ACCEPTED);
            headers.insert(compression::ACCEPT_ENCODING, accepted);
        }
        let packer = packer.filter(|(encoding, _)| announce(headers, *encoding));
        let packer = packer.map(|(encoding, smallest)| Box::new(Packer::new(encoding, smallest)));
        Poll::Ready(Ok(response.map(|body| {
            AnswerBody::Left(GrpcBody {
                body,
                caller,
                packer,
                held: None,
            })
        })))
    }
}

/// Announces packed messages, unless there are none to come or the service packs them itself.
fn announce(headers: &mut HeaderMap, encoding: Encoding) -> bool {
    let packs =
        !headers.contains_key(Status::GRPC_STATUS) && !headers.contains_key(compression::ENCODING);
    if packs {
        headers.insert(compression::ENCODING, encoding.header());
    }
    packs
}

pin_project_lite::pin_project! {
    /// The body of an answer, whose trailers carry a status that any peer understands.
    #[derive(Debug)]
    pub(crate) struct GrpcBody<B> {
        #[pin]
        body: B,
        caller: Caller,
        packer: Option<Box<Packer>>,
        // What comes behind the last bytes of the packer.
        held: Option<Frame<Bytes>>,
    }
}

impl<B: HttpBody<Data = Bytes>> HttpBody for GrpcBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        if let Some(frame) = this.held.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        loop {
            let mut polled = this.body.as_mut().poll_frame(cx);
            if let Poll::Ready(Some(Ok(frame))) = &mut polled
                && let Some(trailers) = frame.trailers_mut()
            {
                status::complete(trailers, *this.caller);
            }
            let Some(packer) = this.packer else {
                return polled;
            };
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let packed = packer.pack(data);
                        if !packed.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(packed))));
                        }
                    }
                    Err(other) => {
                        let rest = packer.rest();
                        let first = rest.map(Frame::data);
                        return Poll::Ready(Some(Ok(match first {
                            Some(first) => {
                                *this.held = Some(other);
                                first
                            }
                            None => other,
                        })));
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(packer.rest().map(|rest| Ok(Frame::data(rest)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.packer {
            Some(_) => SizeHint::default(),
            None => self.body.size_hint(),
        }
    }
}
