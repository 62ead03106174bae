//! TLS before a provider's port, and what a peer is told that speaks it where it should not, or does not where it should.

use std::io;
use std::time::Duration;

use credentials::ServerTls;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::opening::{self, Opening, Reread};
use crate::peer::PeerCertificate;

/// A connection within TLS.
pub(super) type Secure = Reread<TlsStream<TcpStream>>;

/// What a plain HTTP/1.1 client is told at a port of TLS.
const HTTPS_ONLY: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\nthis port speaks TLS only: use https\n";

/// What a client of TLS is told at a plain port. It is no TLS on purpose: every library says of it that the server speaks none.
const NO_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\nthis port speaks no TLS: use http\n";

/// What a plain HTTP/2 client is told at a port of TLS: empty SETTINGS, and a GOAWAY that says that no stream was looked at, with
/// INADEQUATE_SECURITY and a text for people (RFC 9113, sections 6.5, 6.8 and 7).
const TEXT: &[u8] = b"this port speaks TLS only";

/// How much of what a refused peer said is read before the answer, and how long it may take to read the answer: a socket that is closed
/// with something unread takes the answer with it.
const DISCARDED: usize = 16 * 1024;
const LINGER: Duration = Duration::from_millis(500);

/// Shakes hands, and waits for the first bytes within TLS.
pub(super) async fn accept(
    tls: &ServerTls,
    stream: TcpStream,
) -> io::Result<(Secure, Option<PeerCertificate>)> {
    let acceptor = TlsAcceptor::from(tls.config().await);
    let stream = acceptor.accept(stream).await?;
    let shown = stream.get_ref().1.peer_certificates();
    let certificate = shown
        .and_then(<[_]>::first)
        .map(|certificate| PeerCertificate::read(certificate));
    Ok((opening::read(stream).await?, certificate))
}

/// Tells a plain client at a port of TLS what is wrong.
pub(super) async fn refuse_plain(stream: TcpStream, opening: Opening) {
    match opening {
        Opening::Http2 => refuse(stream, &goaway()).await,
        _ => refuse(stream, HTTPS_ONLY).await,
    }
}

/// Tells a client of TLS at a plain port what is wrong.
pub(super) async fn refuse_tls(stream: TcpStream) {
    refuse(stream, NO_TLS).await;
}

async fn refuse(mut stream: TcpStream, answer: &[u8]) {
    // Whatever fails here, the peer is gone already.
    let _ = timeout(LINGER, async {
        let mut said = vec![0; DISCARDED];
        let _ = stream.read(&mut said).await?;
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        while stream.read(&mut said).await? > 0 {}
        Ok::<_, io::Error>(())
    })
    .await;
}

fn goaway() -> Vec<u8> {
    const INADEQUATE_SECURITY: u32 = 0xc;
    let mut bytes = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    let length = 8 + TEXT.len() as u32;
    bytes.extend(&length.to_be_bytes()[1..]);
    bytes.extend([7, 0, 0, 0, 0, 0]);
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(INADEQUATE_SECURITY.to_be_bytes());
    bytes.extend(TEXT);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goaway_is_as_long_as_it_says() {
        let bytes = goaway();
        let length = u32::from_be_bytes([0, bytes[9], bytes[10], bytes[11]]) as usize;
        assert_eq!(bytes.len(), 9 + 9 + length);
        assert!(bytes.ends_with(TEXT));
    }
}
