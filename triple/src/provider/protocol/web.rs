//! gRPC-Web: gRPC for browsers, whose trailers travel as a last message, and whose bytes may be base64.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body as HttpBody, Frame};
use tonic::Status;
use tonic::body::Body;

/// The flag of the message that carries the trailers.
const TRAILERS: u8 = 0x80;

/// How the bytes of a request, and so of its answer, are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Binary,
    Text,
}

impl Form {
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Binary => "application/grpc-web+proto",
            Self::Text => "application/grpc-web-text+proto",
        })
    }
}

/// Returns the body of a request as gRPC.
pub(super) fn request<B>(form: Form, body: B) -> Body
where
    B: HttpBody<Data = Bytes, Error = Status> + Send + Unpin + 'static,
{
    match form {
        Form::Binary => Body::new(body),
        Form::Text => Body::new(Decoded {
            body,
            rest: BytesMut::new(),
        }),
    }
}

/// Returns a gRPC answer as gRPC-Web.
pub(super) fn response<B>(form: Form, answer: Response<B>) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut head, body) = answer.into_parts();
    head.headers
        .insert(header::CONTENT_TYPE, form.content_type());
    let body = Encoded {
        body,
        form,
        // An answer that is nothing but a status has it in its headers.
        done: head.headers.contains_key(Status::GRPC_STATUS),
    };
    Response::from_parts(head, Body::new(body))
}

/// A request's bytes out of base64, which may be padded anywhere.
struct Decoded<B> {
    body: B,
    rest: BytesMut,
}

impl<B> Decoded<B> {
    /// Decodes what has come whole: groups of four characters.
    fn decode(&mut self) -> Result<Bytes, Status> {
        let whole = self.rest.len() / 4 * 4;
        let text = self.rest.split_to(whole);
        let mut bytes = Vec::with_capacity(whole / 4 * 3);
        // A piece that ends with padding is followed by one that begins anew.
        for piece in text
            .chunks(4)
            .collect::<Vec<_>>()
            .split_inclusive(|four| four[3] == b'=')
        {
            STANDARD
                .decode_vec(piece.concat(), &mut bytes)
                .map_err(|error| Status::internal(format!("the body is no base64: {error}")))?;
        }
        Ok(bytes.into())
    }
}

impl<B> HttpBody for Decoded<B>
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
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
                let whole = self.rest.is_empty();
                self.rest.clear();
                return Poll::Ready(
                    (!whole).then(|| Err(Status::internal("the body's base64 ends early"))),
                );
            };
            if let Ok(data) = frame?.into_data() {
                self.rest.extend_from_slice(&data);
                let bytes = self.decode()?;
                if !bytes.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
            }
        }
    }
}

/// An answer whose trailers are its last message.
struct Encoded<B> {
    body: B,
    form: Form,
    done: bool,
}

impl<B> Encoded<B> {
    fn frame(&self, bytes: Bytes) -> Frame<Bytes> {
        Frame::data(match self.form {
            Form::Binary => bytes,
            // Each frame is padded by itself, so that it can be read before the next one comes.
            Form::Text => STANDARD.encode(bytes).into(),
        })
    }
}

impl<B> HttpBody for Encoded<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let trailers = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Poll::Ready(Some(Ok(self.frame(data)))),
                Err(other) => other.into_trailers().unwrap_or_default(),
            },
            // An answer that breaks after its beginning can still say so here.
            Some(Err(error)) => super::super::handler::trailers(&Status::from_error(error.into())),
            None => super::super::handler::trailers(&Status::unknown(
                "the answer ended without a status",
            )),
        };
        self.done = true;
        Poll::Ready(Some(Ok(self.frame(message(&trailers)))))
    }
}

/// Writes trailers as a message: lines as in HTTP/1.1, with names in lower case.
fn message(trailers: &HeaderMap) -> Bytes {
    let mut lines = BytesMut::new();
    for (name, value) in trailers {
        lines.put_slice(name.as_str().as_bytes());
        lines.put_slice(b": ");
        lines.put_slice(value.as_bytes());
        lines.put_slice(b"\r\n");
    }
    let mut message = BytesMut::with_capacity(5 + lines.len());
    message.put_u8(TRAILERS);
    message.put_u32(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    message.put(lines);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    async fn decoded(pieces: &[&'static str]) -> Result<Bytes, Status> {
        let frames = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
        let frames: Vec<Result<_, Status>> = frames.collect();
        let body = StreamBody::new(tokio_stream::iter(frames));
        Ok(request(Form::Text, body).collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn base64_is_read_with_padding_anywhere_and_however_it_is_cut() {
        for pieces in [
            &["aGVsbG8="][..],
            &["aG", "VsbG", "8="],
            &["aGVs", "bG8="],
            &["aGVsbA==", "bw=="],
            &["aGVsbA==bw=="],
        ] {
            assert_eq!(decoded(pieces).await.unwrap(), "hello", "{pieces:?}");
        }
        for broken in [&["aGVsb"][..], &["!!!!"], &["=aGV"]] {
            assert!(decoded(broken).await.is_err(), "{broken:?}");
        }
    }

    #[test]
    fn trailers_are_lines_in_a_message_of_their_own() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        assert_eq!(message(&trailers), &b"\x80\0\0\0\x10grpc-status: 0\r\n"[..]);
    }
}
