//! Messages that Dubbo for Java wraps where it has no Protobuf: arguments in Hessian or another serialization, within a Protobuf
//! message that names it. Read as the method's own message they would be taken for another one, and answered wrongly.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

/// What Java calls its serializations in a wrapper.
const SERIALIZATIONS: [&str; 10] = [
    "hessian4",
    "hessian2",
    "fastjson2",
    "fastjson",
    "java",
    "nativejava",
    "kryo",
    "fst",
    "gson",
    "msgpack",
];

/// A message begins with a flag and its length.
const PREFIX: usize = 5;

/// How much of a first message is looked at.
const LOOKED_AT: usize = 64 * 1024;

pin_project! {
    /// The body of a Java consumer's request, which fails if its first message is a wrapper.
    #[derive(Debug)]
    pub(super) struct Unwrapped<B> {
        #[pin]
        body: B,
        first: BytesMut,
        looked: bool,
        kept: VecDeque<Frame<Bytes>>,
    }
}

impl<B> Unwrapped<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            body,
            first: BytesMut::new(),
            looked: false,
            kept: VecDeque::new(),
        }
    }
}

impl<B> HttpBody for Unwrapped<B>
where
    B: HttpBody<Data = Bytes, Error = Status>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut this = self.project();
        while !*this.looked {
            let frame = ready!(this.body.as_mut().poll_frame(cx));
            *this.looked = match frame {
                Some(Ok(frame)) => {
                    let data = frame.data_ref();
                    if let Some(data) = data {
                        this.first.extend_from_slice(data);
                    }
                    let is_over = data.is_none();
                    this.kept.push_back(frame);
                    is_over || is_whole(this.first)
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => true,
            };
            if *this.looked {
                let serialization = this.first.get(PREFIX..).and_then(serialization);
                this.first.clear();
                if let Some(name) = serialization {
                    this.kept.clear();
                    return Poll::Ready(Some(Err(refused(name))));
                }
            }
        }
        match this.kept.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => this.body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.looked && self.kept.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Tells whether a first message has come whole, or as far as it is looked at.
fn is_whole(bytes: &[u8]) -> bool {
    let [_, a, b, c, d, ..] = *bytes else {
        return false;
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    bytes.len() >= LOOKED_AT || bytes.len() - PREFIX >= length
}

fn refused(serialization: &str) -> Status {
    Status::unimplemented(format!(
        "the call's arguments are serialized by {serialization}, as Dubbo for Java does for interfaces without Protobuf: \
         this provider reads Protobuf, so call it through a stub that is generated from its .proto file"
    ))
}

/// Returns the serialization that a wrapper names, `None` for any other message: its first field is the name, and there are arguments
/// in fields 2 and as many of their types in fields 3.
fn serialization(mut message: &[u8]) -> Option<&'static str> {
    let mut name = None;
    let (mut arguments, mut types) = (0, 0);
    while !message.is_empty() {
        let tag = *message.first()?;
        let (length, rest) = length(&message[1..])?;
        let (content, rest) = rest.split_at_checked(length)?;
        match (tag, name) {
            (0x0a, None) => {
                name = Some(
                    SERIALIZATIONS
                        .iter()
                        .find(|name| name.as_bytes() == content)?,
                );
            }
            (0x12, Some(_)) => arguments += 1,
            (0x1a, Some(_)) if is_type(content) => types += 1,
            _ => return None,
        }
        message = rest;
    }
    name.copied()
        .filter(|_| arguments > 0 && arguments == types)
}

/// Tells whether this is the name of a type of Java, such as `java.lang.String`, `int` or `[I`.
fn is_type(name: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"._$[;/".contains(byte);
    !name.is_empty() && name.iter().all(part)
}

/// Reads a length of Protobuf.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (place, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((length, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes fields whose content is shorter than 128 bytes.
    fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
        let field = |(number, content): &(u8, &[u8])| {
            [&[number << 3 | 2, content.len() as u8][..], content].concat()
        };
        fields.iter().flat_map(field).collect()
    }

    #[test]
    fn wrappers_are_told_from_messages() {
        let one = [
            (1, &b"hessian4"[..]),
            (2, b"\x05world"),
            (3, b"java.lang.String"),
        ];
        assert_eq!(serialization(&message(&one)), Some("hessian4"));
        let two = [
            (1, &b"fastjson2"[..]),
            (2, b"1"),
            (2, b"[]"),
            (3, b"int"),
            (3, b"[Ljava.lang.String;"),
        ];
        assert_eq!(serialization(&message(&two)), Some("fastjson2"));
        for other in [
            &[(1, &b"world"[..])][..],
            &[(1, b"hessian4")],
            &[(1, b"hessian4"), (2, b"x")],
            &[(1, b"hessian4"), (2, b"x"), (3, b"two words")],
            &[(1, b"hessian4"), (2, b"x"), (3, b"int"), (4, b"y")],
            &[(2, b"x"), (1, b"hessian4"), (3, b"int")],
            &[(1, b"unknown"), (2, b"x"), (3, b"int")],
            &[],
        ] {
            assert_eq!(serialization(&message(other)), None, "{other:?}");
        }
        let whole = message(&one);
        assert!((0..whole.len()).all(|end| serialization(&whole[..end]).is_none()));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_looked_at(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = serialization(&bytes);
        }
    }
}
