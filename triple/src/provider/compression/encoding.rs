//! The encodings, by the names that gRPC gives them.

use std::io::{self, Read, Write};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderValue;
use tonic::Status;

/// The largest window of a zstd stream that is unpacked, as a power of two: 8 MiB, what zstd asks every decoder to take.
const LARGEST_WINDOW: u32 = 23;

/// A way to pack messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// RFC 1952.
    Gzip,
    /// gRPC's deflate is zlib's format, RFC 1950.
    Deflate,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// Returns the encoding with this name; none for `identity` and what is not known.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        match name.trim_ascii() {
            b"gzip" => Some(Self::Gzip),
            b"deflate" => Some(Self::Deflate),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the first encoding of a list that is known: callers name first what they like best.
    pub(crate) fn first_of(list: &[u8]) -> Option<Self> {
        list.split(|byte| *byte == b',').find_map(Self::named)
    }

    /// Returns the name, as a header carries it.
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        })
    }

    /// Appends a message unpacked, unless that is longer than the limit.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXHAUSTED beyond the limit, INTERNAL when the bytes are not packed this way.
    pub(crate) fn unpack(
        self,
        packed: &[u8],
        limit: usize,
        to: &mut BytesMut,
    ) -> Result<(), Status> {
        let before = to.len();
        let longest = (limit as u64).saturating_add(1);
        let mut to_limit = to.writer();
        let copied = match self {
            Self::Gzip => io::copy(
                &mut MultiGzDecoder::new(packed).take(longest),
                &mut to_limit,
            ),
            Self::Deflate => io::copy(&mut ZlibDecoder::new(packed).take(longest), &mut to_limit),
            Self::Zstd => zstd::Decoder::new(packed).and_then(|mut decoder| {
                decoder.window_log_max(LARGEST_WINDOW)?;
                io::copy(&mut decoder.take(longest), &mut to_limit)
            }),
        };
        copied.map_err(|error| {
            Status::internal(format!("a message cannot be unpacked ({self:?}): {error}"))
        })?;
        if to.len() - before > limit {
            return Err(Status::resource_exhausted(format!(
                "a message is longer than {limit} bytes when it is unpacked"
            )));
        }
        Ok(())
    }

    /// Returns a message packed, or none where that cannot be done.
    pub(crate) fn pack(self, plain: &[u8]) -> Option<Bytes> {
        let to = Vec::with_capacity(plain.len() / 2);
        let packed = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(to, Compression::fast());
                encoder.write_all(plain).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(to, Compression::fast());
                encoder.write_all(plain).and_then(|()| encoder.finish())
            }
            Self::Zstd => zstd::encode_all(plain, zstd::DEFAULT_COMPRESSION_LEVEL),
        };
        packed.ok().map(Bytes::from)
    }
}
