//! One connection, from the first byte to the last.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Request, header};
use credentials::ServerTls;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::complaints::{Complaints, Ends};
use crate::connection_limit::Slot;
use crate::limits::Limits;
use crate::write_timeout::WriteTimeout;

/// Where a request comes from, among its extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub(crate) IpAddr);

/// What all connections of a server share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) limits: Limits,
    /// A permit for each request that may be answered at the same time.
    pub(crate) answering: Arc<Semaphore>,
    /// Connections finish their request and end.
    pub(crate) stop: CancellationToken,
    pub(crate) complaints: Arc<Complaints>,
}

impl Shared {
    /// Serves a connection until its peer ends it, a limit does, or it has to give way to another.
    pub(crate) async fn serve(self, stream: TcpStream, slot: Slot) {
        // An answer is written at once; to wait for more of it would only delay it.
        if let Err(err) = stream.set_nodelay(true) {
            debug!("a connection was gone before it was served: {err}");
            return;
        }
        let peer = stream.peer_addr().ok().map(|peer| PeerAddress(peer.ip()));
        let served = async {
            match &self.tls {
                None => {
                    let ends = Ends::of(&stream);
                    if self.exchange(stream, peer, &slot).await == Some(HANDSHAKE_RECORD) {
                        let reason = "it speaks TLS, and this port speaks plain HTTP";
                        self.complaints.add(ends, reason);
                    }
                }
                Some(tls) => {
                    if let Some(stream) = self.shake_hands(tls, stream).await {
                        let _ = self.exchange(stream, peer, &slot).await;
                    }
                }
            }
        };
        tokio::select! {
            () = served => {}
            () = slot.given_up() => debug!("a silent connection gave way to another"),
        }
    }

    async fn shake_hands(
        &self,
        tls: &ServerTls,
        stream: TcpStream,
    ) -> Option<TlsStream<TcpStream>> {
        let ends = Ends::of(&stream);
        match timeout(self.limits.handshake, self.handshake(tls, stream)).await {
            Ok(Ok(stream)) => return Some(stream),
            // A peer that ends the connection in the middle has said nothing that is worth a line.
            Ok(Err(err)) if err.kind() == io::ErrorKind::InvalidData => {
                let reason = format!("the TLS handshake failed: {err}");
                self.complaints.add(ends, &reason);
            }
            Ok(Err(err)) => debug!("a TLS connection did not come about: {err}"),
            Err(_) => debug!(limit = ?self.limits.handshake, "a TLS handshake took too long"),
        }
        None
    }

    async fn handshake(
        &self,
        tls: &ServerTls,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [HANDSHAKE_RECORD];
        stream.peek(&mut first).await?;
        if first != [HANDSHAKE_RECORD] {
            let reason = "it speaks no TLS, which this port asks for";
            self.complaints.add(Ends::of(&stream), reason);
            refuse_plain(stream).await?;
            return Err(io::Error::other("the peer does not speak TLS"));
        }
        TlsAcceptor::from(tls.config().await).accept(stream).await
    }

    /// Answers requests until the connection ends. Where something else came than a request, returns its first byte.
    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: Option<PeerAddress>,
        slot: &Slot,
    ) -> Option<u8> {
        let Self {
            router,
            limits,
            answering,
            stop,
            ..
        } = self;
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(async |mut request: Request<Incoming>| {
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            let _answering = slot.answering();
            let _permit = answering.acquire().await;
            let mut response = router.call(request).await?;
            if slot.is_wanted() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, std::convert::Infallible>(response)
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.request)
            .max_header_size(limits.head)
            .max_buf_size(2 * limits.head.max(SMALLEST_BUFFER))
            .serve_connection(
                TokioIo::new(WriteTimeout::new(stream, limits.answer)),
                service,
            );
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = stop.cancelled() => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        let err = ended.err()?;
        debug!("a connection ended: {err}");
        let unread = err.is_parse().then(|| connection.into_parts().read_buf);
        unread?.first().copied()
    }
}

/// hyper takes no smaller one.
const SMALLEST_BUFFER: usize = 8192;

/// The first byte of a TLS connection: a record of the handshake (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 22;

const HTTPS_ONLY: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\nthis port speaks https\n";

/// Tells a client that speaks plain HTTP what is wrong.
async fn refuse_plain(mut stream: TcpStream) -> io::Result<()> {
    // A socket that is closed with something unread in it would take the answer with it.
    let _length = stream.read(&mut [0; 4096]).await?;
    stream.write_all(HTTPS_ONLY).await
}
