//! A request's body whose messages are unpacked as they arrive.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use tonic::Status;

use super::{Encoding, PREFIX, head, prefix};

/// Messages in a plain form, whatever form they came in.
#[derive(Debug)]
pub(crate) struct Unpacked<B> {
    body: B,
    encoding: Encoding,
    /// The longest message, packed and unpacked.
    limit: usize,
    arrived: BytesMut,
    /// Bytes of a message that came plain, and are passed on as they come.
    plain: usize,
}

impl<B> Unpacked<B> {
    /// Unpacks messages up to this length.
    pub(crate) fn new(body: B, encoding: Encoding, limit: usize) -> Self {
        Self {
            body,
            encoding,
            limit,
            arrived: BytesMut::new(),
            plain: 0,
        }
    }

    /// Returns the next bytes that can be passed on; none when more have to arrive first.
    fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let (flag, length) = match head(&self.arrived) {
            _ if self.plain > 0 && !self.arrived.is_empty() => {
                let length = self.plain.min(self.arrived.len());
                self.plain -= length;
                return Ok(Some(self.arrived.split_to(length).freeze()));
            }
            Some(head) => head,
            None => return Ok(None),
        };
        if flag != 1 {
            // What is wrong about another flag than 0, the service tells.
            self.plain = PREFIX + length;
            return self.next();
        }
        if length > self.limit {
            return Err(Status::resource_exhausted(format!(
                "a message of {length} bytes is longer than {}",
                self.limit
            )));
        }
        if self.arrived.len() < PREFIX + length {
            return Ok(None);
        }
        let mut packed = self.arrived.split_to(PREFIX + length);
        packed.advance(PREFIX);
        let mut message = BytesMut::zeroed(PREFIX);
        self.encoding.unpack(&packed, self.limit, &mut message)?;
        let prefix = prefix(false, message.len() - PREFIX);
        message[..PREFIX].copy_from_slice(&prefix);
        Ok(Some(message.freeze()))
    }
}

impl<B> HttpBody for Unpacked<B>
where
    B: HttpBody<Data = Bytes, Error = Status> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(bytes) = self.next().transpose() {
                return Poll::Ready(Some(bytes.map(Frame::data)));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.arrived.extend_from_slice(&data),
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                // What is left of an unfinished message, the service tells.
                None if self.arrived.is_empty() => return Poll::Ready(None),
                None => {
                    let rest = self.arrived.split().freeze();
                    return Poll::Ready(Some(Ok(Frame::data(rest))));
                }
            }
        }
    }
}
