//! Compression of messages, for every service of a provider: requests are unpacked before the service sees them, and answers packed
//! in the first way that the caller accepts.
//!
//! Generated services compress too, where they are told to; here they need not be told. Calls that name no compression are
//! not touched.

use http::HeaderName;

mod encoding;
mod packer;
mod unpacked;

pub(super) use encoding::Encoding;
pub(super) use packer::Packer;
pub(super) use unpacked::Unpacked;

/// The names of all encodings, as a provider tells callers that use another one.
pub(super) const ACCEPTED: &str = "gzip,deflate,zstd,identity";

/// The header that names how messages are packed.
pub(super) const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// The header that names how answers may be packed.
pub(super) const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// A gRPC message is preceded by a flag, 1 where it is packed, and its length.
const PREFIX: usize = 5;

/// Returns the beginning of a message.
fn prefix(packed: bool, length: usize) -> [u8; PREFIX] {
    let mut prefix = [0; PREFIX];
    prefix[0] = packed.into();
    // Messages are bounded far below what does not fit.
    prefix[1..].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    prefix
}

/// Reads the beginning of a message: its flag and its length.
fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let [flag, a, b, c, d, ..] = *bytes else {
        return None;
    };
    Some((flag, u32::from_be_bytes([a, b, c, d]) as usize))
}

#[cfg(test)]
mod tests;
