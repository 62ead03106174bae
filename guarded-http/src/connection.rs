//! One connection, from the first byte to the last.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
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
                None => self.exchange(stream, peer, &slot).await,
                Some(tls) => {
                    if let Some(stream) = self.shake_hands(tls, stream).await {
                        self.exchange(stream, peer, &slot).await;
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
        match timeout(self.limits.handshake, handshake(tls, stream)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(err)) => debug!("a TLS connection did not come about: {err}"),
            Err(_) => debug!(limit = ?self.limits.handshake, "a TLS handshake took too long"),
        }
        None
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: Option<PeerAddress>,
        slot: &Slot,
    ) {
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
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.request)
            .max_header_size(limits.head)
            .max_buf_size(2 * limits.head.max(SMALLEST_BUFFER))
            .serve_connection(
                TokioIo::new(WriteTimeout::new(stream, limits.answer)),
                service,
            );
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(err) = ended {
            debug!("a connection ended: {err}");
        }
    }
}

/// hyper takes no smaller one.
const SMALLEST_BUFFER: usize = 8192;

/// The first byte of a TLS connection: a record of the handshake (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 22;

const HTTPS_ONLY: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\nthis port speaks https\n";

async fn handshake(tls: &ServerTls, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [HANDSHAKE_RECORD];
    stream.peek(&mut first).await?;
    if first != [HANDSHAKE_RECORD] {
        // For a client that speaks plain HTTP. A socket that is closed with something unread in it would take the answer with it.
        let mut request = [0; 4096];
        let _length = stream.read(&mut request).await?;
        stream.write_all(HTTPS_ONLY).await?;
        return Err(io::Error::other("the peer does not speak TLS"));
    }
    TlsAcceptor::from(tls.config().await).accept(stream).await
}
