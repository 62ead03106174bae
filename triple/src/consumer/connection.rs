//! One HTTP/2 connection to a provider: made, proved alive, watched, and made again.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::Reason;
use http::{Request, Response, Uri};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::body::Body;
use tower_service::Service;

use crate::answer::Answer;

/// How long a provider may take to accept a connection, and then to give the first sign of life on it.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How often a silent provider is pinged, and how long it may take to answer before its connection is given up.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_LIMIT: Duration = Duration::from_secs(5);

/// The headers and trailers of one response, together: grpc-go's own default, so that a long error text arrives whole.
const MOST_HEADER_BYTES: u32 = 16 << 20;

/// Calls in flight before the provider's own limit is known.
const STREAMS: usize = 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("no HTTP/2 there")]
    Handshake(#[source] hyper::Error),
    #[error("no answer within {CONNECT_LIMIT:?}")]
    Silent,
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

/// Returns how a request failed.
///
/// hyper cancels what it has not begun to send. A stream that ends by the peer's GOAWAY is one beyond the last that the peer
/// will look at; the others go on.
pub(crate) fn failure(error: &hyper::Error) -> Failure {
    if error.is_canceled() {
        return Failure::Refused;
    }
    match error
        .source()
        .and_then(|source| source.downcast_ref::<h2::Error>())
    {
        Some(cause) if cause.is_remote() && cause.is_go_away() => Failure::Refused,
        Some(cause) if cause.is_remote() && cause.reason() == Some(Reason::REFUSED_STREAM) => {
            Failure::Refused
        }
        Some(cause) if cause.is_reset() => Failure::Reset,
        _ => Failure::Broken,
    }
}

/// Sends requests on one connection; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    requests: http2::SendRequest<Body>,
}

/// Makes a connection. The task that is returned drives it, and ends with it: when the provider closes it, or when every
/// [`Sender`] is dropped and every call on it has ended.
pub(crate) async fn connect(address: &str) -> Result<(Sender, JoinHandle<()>), ConnectError> {
    let attempt = async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(ConnectError::Connect)?;
        stream.set_nodelay(true).map_err(ConnectError::Connect)?;
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_max_send_streams(STREAMS)
            .max_header_list_size(MOST_HEADER_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_LIMIT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(ConnectError::Handshake)
    };
    let (requests, connection) = timeout(CONNECT_LIMIT, attempt)
        .await
        .map_err(|_| ConnectError::Silent)??;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a provider ended with an error");
        }
    });
    Ok((Sender { requests }, driver))
}

impl Sender {
    /// Returns whether the connection can still take a request, as far as is known.
    pub(crate) fn is_open(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Sends one request, whose URI must name scheme and authority, and returns the response's head.
    pub(crate) fn send(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Answer>, hyper::Error>> + Send + 'static {
        let sent = self.requests.send_request(request);
        async move { sent.await.map(Answer::new) }
    }
}

/// A generated client's way to one connection, for calls that belong to it alone: health and metadata.
impl Service<Request<Body>> for Sender {
    type Response = Response<Answer>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.requests.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Returns the URI that stands for the provider at this address in the requests of a generated client.
pub(crate) fn origin(address: &str) -> Result<Uri, http::Error> {
    Uri::builder()
        .scheme("http")
        .authority(address)
        .path_and_query("/")
        .build()
}
