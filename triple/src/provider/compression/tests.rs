//! Messages through both directions, however their bytes are cut.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt;
use proptest::prelude::*;
use tonic::{Code, Status};

use super::*;

const ALL: [Encoding; 3] = [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd];

struct Pieces(VecDeque<Bytes>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

fn framed(packed: bool, message: &[u8]) -> Vec<u8> {
    [&prefix(packed, message.len()), message].concat()
}

fn cut(bytes: &[u8], size: usize) -> VecDeque<Bytes> {
    bytes.chunks(size).map(Bytes::copy_from_slice).collect()
}

async fn unpacked(
    bytes: &[u8],
    size: usize,
    encoding: Encoding,
    limit: usize,
) -> Result<Bytes, Status> {
    let body = Unpacked::new(Pieces(cut(bytes, size)), encoding, limit);
    Ok(body.collect().await?.to_bytes())
}

#[tokio::test]
async fn packed_and_plain_messages_arrive_plain_however_they_are_cut() {
    for encoding in ALL {
        let packed = encoding.pack(b"hello hello hello").unwrap();
        let bytes = [
            framed(true, &packed),
            framed(false, b"plain"),
            framed(false, b""),
            framed(true, &packed),
        ]
        .concat();
        let plain = [
            framed(false, b"hello hello hello"),
            framed(false, b"plain"),
            framed(false, b""),
            framed(false, b"hello hello hello"),
        ]
        .concat();
        for size in [1, 2, 5, 7, 1000] {
            let arrived = unpacked(&bytes, size, encoding, 100).await.unwrap();
            assert_eq!(arrived, plain, "{encoding:?} in pieces of {size}");
        }
    }
}

#[tokio::test]
async fn a_message_that_unpacks_beyond_the_limit_is_refused() {
    for encoding in ALL {
        let packed = encoding.pack(&[0; 1_000_000]).unwrap();
        for (limit, code) in [
            (999_999, Code::ResourceExhausted),
            (1_000_000, Code::Ok),
            (10, Code::ResourceExhausted),
        ] {
            let arrived = unpacked(&framed(true, &packed), 1000, encoding, limit).await;
            let arrived = arrived.err().map_or(Code::Ok, |status| status.code());
            assert_eq!(arrived, code, "{encoding:?} within {limit}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_not_packed_are_an_error_of_the_protocol() {
    for encoding in ALL {
        for bytes in [
            &b"no archive"[..],
            b"",
            &encoding.pack(b"hello").unwrap()[..5],
        ] {
            let arrived = unpacked(&framed(true, bytes), 1000, encoding, 100).await;
            if encoding == Encoding::Zstd && bytes.is_empty() {
                continue; // No frames at all are valid zstd.
            }
            assert_eq!(
                arrived.unwrap_err().code(),
                Code::Internal,
                "{encoding:?} {bytes:?}"
            );
        }
    }
}

#[test]
fn answers_are_packed_where_it_is_worth_it() {
    let mut packer = Packer::new(Encoding::Gzip, 100);
    let short = Bytes::from(framed(false, b"short"));
    assert_eq!(packer.pack(short.clone()), short);
    let out = packer.pack(Bytes::from(
        [framed(false, b"short"), framed(false, &[7; 100])].concat(),
    ));
    assert!(out.starts_with(&short));
    let (flag, length) = head(&out[short.len()..]).unwrap();
    assert_eq!((flag, out.len()), (1, short.len() + PREFIX + length));
}

#[test]
fn the_first_name_that_is_known_is_taken() {
    for (list, encoding) in [
        (&b"gzip"[..], Some(Encoding::Gzip)),
        (b"snappy, zstd ,gzip", Some(Encoding::Zstd)),
        (b"identity,deflate,gzip", Some(Encoding::Deflate)),
        (b"identity", None),
        (b"", None),
    ] {
        assert_eq!(Encoding::first_of(list), encoding);
    }
}

proptest! {
    #[test]
    fn what_is_packed_unpacks_to_the_same(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6),
        smallest in 0usize..400,
        sizes in (1usize..50, 1usize..50),
        encoding in prop::sample::select(ALL.to_vec()),
    ) {
        let plain: Vec<u8> = messages.iter().flat_map(|message| framed(false, message)).collect();
        let mut packer = Packer::new(encoding, smallest);
        let mut out = BytesMut::new();
        for piece in cut(&plain, sizes.0) {
            out.extend_from_slice(&packer.pack(piece));
        }
        prop_assert_eq!(packer.rest(), None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let back = runtime.block_on(unpacked(&out, sizes.1, encoding, 1000)).unwrap();
        prop_assert_eq!(back, plain);
    }
}
