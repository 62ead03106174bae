//! The first bytes of a connection, which tell TLS, HTTP/1.1 and HTTP/2 from each other.
//!
//! hyper-util reads them with no deadline: a peer that connects and says nothing, or half of HTTP/2's preface, would keep its
//! connection for ever. So the provider looks at them first: on a plain connection without taking them, within TLS by reading them, and
//! they are read again.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// What a client says first on every HTTP/2 connection (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// Between two looks at a preface that has arrived in part; the kernel has no way to wait for the rest of it.
const PAUSE: Duration = Duration::from_millis(20);

/// What a peer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A handshake of TLS.
    Tls,
    /// The whole preface of HTTP/2.
    Http2,
    /// Something else: HTTP/1.1, or nothing that is known.
    Other,
}

impl Opening {
    /// Tells what these bytes begin; none when more of them have to come.
    fn of(bytes: &[u8]) -> Option<Self> {
        if bytes[0] == HANDSHAKE_RECORD {
            Some(Self::Tls)
        } else if bytes.len() < PREFACE.len() && PREFACE.starts_with(bytes) {
            None
        } else if bytes.starts_with(PREFACE) {
            Some(Self::Http2)
        } else {
            Some(Self::Other)
        }
    }
}

/// Waits until the peer has said which protocol it speaks, and leaves what it said where it is.
///
/// # Errors
///
/// When the connection ends or breaks before that.
pub(super) async fn arrived(stream: &TcpStream) -> io::Result<Opening> {
    let mut bytes = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut bytes).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(opening) = Opening::of(&bytes[..length]) {
            return Ok(opening);
        }
        sleep(PAUSE).await;
    }
}

/// Reads until the peer has said which protocol it speaks, and returns a stream that begins with what it said.
///
/// # Errors
///
/// When the connection ends or breaks before that.
pub(super) async fn read<T: AsyncRead + Unpin>(mut stream: T) -> io::Result<Reread<T>> {
    let mut bytes = Vec::with_capacity(PREFACE.len());
    loop {
        let room = (PREFACE.len() - bytes.len()) as u64;
        if (&mut stream).take(room).read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if Opening::of(&bytes).is_some() {
            return Ok(Reread {
                begin: bytes.into(),
                stream,
            });
        }
    }
}

/// A stream whose beginning was read already, and is read again.
#[derive(Debug)]
pub(super) struct Reread<T> {
    begin: Bytes,
    stream: T,
}

impl<T: AsyncRead + Unpin> AsyncRead for Reread<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.begin.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let length = self.begin.len().min(buffer.remaining());
        buffer.put_slice(&self.begin[..length]);
        self.begin.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Reread<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
