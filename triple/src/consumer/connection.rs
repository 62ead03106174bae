//! One HTTP/2 connection to a provider: made, driven, and used to send requests.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::{Builder, SendRequest};
use http::{Request, Response, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::body::Body;
use tower_service::Service;

use crate::sys;
use crate::tls::{self, ConsumerTls};

mod exchange;
mod keepalive;
mod signs;

pub(crate) use exchange::ResponseBody;
pub(crate) use keepalive::Keepalive;

use exchange::exchange;
use signs::{Begin, Heard, Signs};

/// How long a provider may take to accept a connection, and then to give the first sign of life on it.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long the peer's host may leave bytes unacknowledged, and how long a connection may be idle before the kernel asks the host.
const HOST_LIMIT: Duration = Duration::from_secs(20);
const HOST_IDLE: Duration = Duration::from_secs(10);
const HOST_INTERVAL: Duration = Duration::from_secs(5);
const HOST_QUESTIONS: u32 = 2;

/// The headers and trailers of one response, together: grpc-go's own default, so that a long error text arrives whole.
const MOST_HEADER_BYTES: u32 = 16 << 20;

/// Calls in flight before the provider's own limit is known.
const STREAMS: usize = 1024;

/// What a provider may send before it is read: for one stream, and for the whole connection.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 5 << 20;

/// The bytes of requests that wait for the connection.
const SEND_BUFFER: usize = 1 << 20;

/// How many streams that were given up are remembered, and for how long: frames that come for them are ignored. Later ones are
/// answered with a reset each, without a limit: late answers must not end the connection.
const REMEMBERED_RESETS: usize = 8192;
const RESET_MEMORY: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("no HTTP/2 there")]
    Handshake(#[source] h2::Error),
    #[error("no answer within {CONNECT_LIMIT:?}")]
    Silent,
    #[error("no TLS connection came about")]
    Tls(#[source] io::Error),
    #[error("the provider speaks no TLS, which this consumer was told to use (--tls-ca)")]
    NoTls,
    #[error("the provider speaks TLS, which this consumer was not told to use: set --tls-ca")]
    TlsOnly,
    #[error(
        "the provider ended the connection without a word: it may speak TLS, for which --tls-ca has to be set, or refuse this consumer's certificate (--tls-cert)"
    )]
    Closed,
}

impl ConnectError {
    fn of_tls(error: io::Error) -> Self {
        if tls::is_plain(&error) {
            Self::NoTls
        } else {
            Self::Tls(error)
        }
    }
}

/// How a request failed before there was a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection did not take the request any more, or the provider says that it has not looked at it.
    Refused,
    /// The provider ended the stream.
    Reset,
    /// The connection ended: whether the provider has seen the request is not known.
    Broken,
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) struct SendError {
    pub(crate) error: h2::Error,
    pub(crate) failure: Failure,
}

impl SendError {
    /// The connection takes no more requests.
    fn closed(error: h2::Error) -> Self {
        let failure = Failure::Refused;
        Self { error, failure }
    }

    /// The stream failed. One that ends by the peer's GOAWAY is beyond the last that the peer looks at; the others go on.
    fn of_stream(error: h2::Error) -> Self {
        let refused = error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM);
        let failure = if error.is_remote() && refused {
            Failure::Refused
        } else if error.is_reset() {
            Failure::Reset
        } else {
            Failure::Broken
        };
        Self { error, failure }
    }
}

/// Sends requests on one connection; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    requests: SendRequest<Bytes>,
    signs: Arc<Signs>,
}

/// A connection that was made.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) sender: Sender,
    /// Drives the connection, and ends with it: when the provider closes it, when it is silent for too long, or when every
    /// [`Sender`] is dropped and every call has ended.
    pub(crate) driver: JoinHandle<()>,
}

/// Makes a connection to the `host:port` of `address`, within TLS or without, and never without where there is TLS: then the certificate
/// has to carry the name in `authority`.
pub(crate) async fn connect(
    address: &str,
    authority: &str,
    tls: Option<&ConsumerTls>,
    keepalive: Keepalive,
) -> Result<Connection, ConnectError> {
    let attempt = async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(ConnectError::Connect)?;
        prepare(&stream).map_err(ConnectError::Connect)?;
        match tls {
            None => begin(stream, keepalive).await,
            Some(tls) => {
                let stream = tls.connect(authority, stream).await;
                begin(stream.map_err(ConnectError::of_tls)?, keepalive).await
            }
        }
    };
    timeout(CONNECT_LIMIT, attempt)
        .await
        .map_err(|_| ConnectError::Silent)?
}

/// Begins HTTP/2 on a stream, and drives it.
async fn begin<T>(stream: T, keepalive: Keepalive) -> Result<Connection, ConnectError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let signs = Arc::new(Signs::default());
    let (requests, mut connection) = {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_max_send_streams(STREAMS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MOST_HEADER_BYTES)
            .max_send_buffer_size(SEND_BUFFER)
            .max_concurrent_reset_streams(REMEMBERED_RESETS)
            .reset_stream_duration(RESET_MEMORY)
            .max_local_error_reset_streams(None);
        builder
            .handshake(Heard::new(stream, Arc::clone(&signs)))
            .await
            .map_err(ConnectError::Handshake)?
    };
    let pings = connection
        .ping_pong()
        .expect("a new connection's pings are still to be taken");
    let ended = CloseOnDrop(Arc::clone(&signs));
    let driver = tokio::spawn(async move {
        let signs = &ended.0;
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a provider ended with an error");
            },
            () = keepalive.watch(pings, signs) => {
                tracing::debug!("a provider gave no sign of life: its connection is closed");
            }
        }
    });
    let sender = Sender { requests, signs };
    Ok(Connection { sender, driver })
}

/// Lets the kernel find out that the peer's host is gone, with no byte of HTTP/2.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sys::limit_unacknowledged(stream, HOST_LIMIT)?;
    sys::ask_idle_host(stream, HOST_IDLE, HOST_INTERVAL, HOST_QUESTIONS)
}

/// Marks the connection as closed, however its driver ends.
#[derive(Debug)]
struct CloseOnDrop(Arc<Signs>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Sender {
    /// Returns whether the connection can still take a request, as far as is known.
    pub(crate) fn is_open(&self) -> bool {
        self.signs.is_open()
    }

    /// Says why nothing was heard of the provider that makes sense.
    pub(crate) fn silence(&self) -> ConnectError {
        match self.signs.begin() {
            Begin::Tls => ConnectError::TlsOnly,
            _ if self.signs.reason() == Some(Reason::INADEQUATE_SECURITY) => ConnectError::TlsOnly,
            Begin::Nothing if !self.is_open() => ConnectError::Closed,
            Begin::Nothing | Begin::Frames => ConnectError::Silent,
        }
    }

    /// Completes when the connection takes no more requests: the calls that it has may go on.
    pub(crate) async fn closing(&self) {
        self.signs.closing().await;
    }

    /// Returns whether the provider ended the connection because of too many pings.
    pub(crate) fn has_pinged_too_much(&self) -> bool {
        self.signs.reason() == Some(Reason::ENHANCE_YOUR_CALM)
    }

    /// Sends one request, whose URI must name scheme and authority, and returns the response's head.
    pub(crate) fn send(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, SendError>> + Send + 'static {
        exchange(self.requests.clone(), request)
    }
}

/// A generated client's way to one connection, for calls that belong to it alone: health and metadata.
impl Service<Request<Body>> for Sender {
    type Response = Response<ResponseBody>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let sent = self.send(request);
        Box::pin(async move { sent.await.map_err(|failed| failed.error.into()) })
    }
}

/// Returns the URI that stands for the provider at this address in the requests of a generated client.
pub(crate) fn origin(address: &str, tls: bool) -> Result<Uri, http::Error> {
    Uri::builder()
        .scheme(if tls { "https" } else { "http" })
        .authority(address)
        .path_and_query("/")
        .build()
}
