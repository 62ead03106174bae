//! One request and its response on a connection: the head is sent, the body pumped, the response read.
//!
//! On the way of every call: a unary request is sent and answered with no task of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::body::Body;

use super::SendError;
use crate::answer::Answer;

/// Sends the request and waits for the response's head. Dropped before that, it resets the stream.
pub(super) async fn exchange(
    mut requests: SendRequest<Bytes>,
    request: Request<Body>,
) -> Result<Response<ResponseBody>, SendError> {
    std::future::poll_fn(|cx| requests.poll_ready(cx))
        .await
        .map_err(SendError::closed)?;
    let (head, body) = request.into_parts();
    let is_empty = body.is_end_stream();
    let (response, stream) = requests
        .send_request(Request::from_parts(head, ()), is_empty)
        .map_err(SendError::closed)?;
    drop(requests);
    let mut sending = Sending {
        response,
        upload: (!is_empty).then_some(Upload { body, stream }),
    };
    let response = std::future::poll_fn(|cx| sending.poll(cx))
        .await
        .map_err(SendError::of_stream)?;
    let (head, stream) = response.into_parts();
    let received = Received {
        stream,
        at_trailers: false,
        _upload: sending.upload.map(Upload::go_on),
    };
    Ok(Answer::new(Response::from_parts(head, received)))
}

/// A request on its way.
struct Sending {
    response: ResponseFuture,
    /// What is still to be sent.
    upload: Option<Upload>,
}

impl Sending {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<RecvStream>, h2::Error>> {
        if let Some(upload) = &mut self.upload
            && upload.poll(cx).is_ready()
        {
            self.upload = None;
        }
        Pin::new(&mut self.response).poll(cx)
    }
}

/// A body that is being sent.
struct Upload {
    body: Body,
    stream: SendStream<Bytes>,
}

impl Upload {
    /// Sends what there is. Ready when nothing more is to be sent; how the stream fares, its response tells.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // One byte of capacity is enough to go on: h2 keeps the rest of a chunk, and this asks for the next one later.
            self.stream.reserve_capacity(1);
            if self.stream.capacity() == 0 {
                loop {
                    match ready!(self.stream.poll_capacity(cx)) {
                        Some(Ok(0)) => {}
                        Some(Ok(_)) => break,
                        Some(Err(_)) | None => return Poll::Ready(()),
                    }
                }
            } else if self.stream.poll_reset(cx).is_ready() {
                return Poll::Ready(());
            }
            let sent = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => {
                        let is_last = self.body.is_end_stream();
                        let sent = self.stream.send_data(chunk, is_last);
                        if !is_last && sent.is_ok() {
                            continue;
                        }
                        sent
                    }
                    Err(frame) => match frame.into_trailers() {
                        Ok(trailers) => self.stream.send_trailers(trailers),
                        Err(_) => continue,
                    },
                },
                Some(Err(_)) => {
                    self.stream.send_reset(Reason::CANCEL);
                    Ok(())
                }
                None => self.stream.send_data(Bytes::new(), true),
            };
            // An error means that the stream is over.
            let _ = sent;
            return Poll::Ready(());
        }
    }

    /// Goes on in a task of its own, since nothing says that the response's reader keeps up. Ends when what is returned is dropped.
    fn go_on(mut self) -> oneshot::Sender<()> {
        let (keep, mut dropped) = oneshot::channel();
        tokio::spawn(async move {
            tokio::select! {
                () = std::future::poll_fn(|cx| self.poll(cx)) => {}
                _ = &mut dropped => self.stream.send_reset(Reason::CANCEL),
            }
        });
        keep
    }
}

/// The body of a response, with trailers that every library can read.
pub(crate) type ResponseBody = Answer<Received>;

/// The body of a response as the provider sent it.
#[derive(Debug)]
pub(crate) struct Received {
    stream: RecvStream,
    at_trailers: bool,
    _upload: Option<oneshot::Sender<()>>,
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.at_trailers {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(chunk)) => {
                    // What was read makes room at once; an error means that the stream is over, which the next frame tells.
                    let _ = self.stream.flow_control().release_capacity(chunk.len());
                    return Poll::Ready(Some(Ok(Frame::data(chunk))));
                }
                // A provider that has answered in full may stop reading the request this way.
                Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) => {
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.at_trailers = true,
            }
        }
        match ready!(self.stream.poll_trailers(cx)) {
            Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Err(error) if error.reason() == Some(Reason::NO_ERROR) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
