//! Accepts connections on one listener and deals each to the worker that has the fewest.
//!
//! One listener, not one for each core with `SO_REUSEPORT`: the kernel would hash few connections unevenly, and a port
//! that is in use would go unnoticed.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use credentials::ServerTls;
use guarded_http::{Complaints, Ends};
use http::{Request, Response, Version};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tower_service::Service;

use super::dispatch::{Dispatch, Lane, watch};
use crate::peer::PeerCertificate;
use crate::runtime::Workers;
use crate::sys;

mod admission;
mod answer;
mod incoming_body;
mod opening;
mod secure;
mod shares;
pub(super) mod streams;

use admission::Admission;
use answer::Answer;
use incoming_body::IncomingBody;
use opening::Opening;
use secure::Secure;
use shares::Shares;
use streams::Streams;

/// How long a peer may take to say which protocol it speaks, and an HTTP/1.1 peer to send the headers of each request.
const HEADER_LIMIT: Duration = Duration::from_secs(10);

/// How often a silent HTTP/2 peer is asked for a sign of life, and how long it may take to give it.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_LIMIT: Duration = Duration::from_secs(20);

/// How long a peer may take nothing of what it is sent; the kernel, which looks again less and less often, then ends the connection
/// within half as long again. An HTTP/1.1 peer that reads no answer would keep it, and its connection, for ever.
const TAKE_LIMIT: Duration = Duration::from_secs(20);

/// Calls that a peer may have given up before they are looked at, at least.
const LEAST_GIVEN_UP: u32 = 20;

/// A service of which each connection has its own.
pub(super) trait ForConnection {
    /// Returns the service for a connection between these addresses, of a caller that has shown this certificate.
    fn for_connection(
        &self,
        addresses: TcpConnectInfo,
        certificate: Option<PeerCertificate>,
    ) -> Self;
}

/// How connections are served.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Calls in flight on one connection; more of them wait in the consumer.
    pub(super) streams: u32,
    /// The age at which a connection is told to go away; the calls that it has may go on.
    pub(super) most_age: Option<Duration>,
    /// What the port speaks TLS with; it speaks none without.
    pub(super) tls: Option<ServerTls>,
    /// Where calls run; on the thread of their connection without.
    pub(super) dispatch: Option<Arc<Dispatch>>,
    complaints: Arc<Complaints>,
}

impl Terms {
    pub(super) fn new(streams: u32) -> Self {
        Self {
            streams,
            most_age: None,
            tls: None,
            dispatch: None,
            complaints: Arc::default(),
        }
    }
}

/// The connections of one provider.
#[derive(Debug)]
pub(super) struct Connections {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Connections {
    /// Starts to accept; `service` answers each request, on the worker that its connection was dealt to.
    pub(super) fn accept<S, B>(
        listener: TcpListener,
        workers: Workers,
        service: S,
        terms: Terms,
    ) -> Self
    where
        S: Service<Request<IncomingBody>, Response = Response<B>, Error = Infallible>,
        S: ForConnection + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        if let Some(dispatch) = &terms.dispatch {
            let watched = watch(Arc::clone(dispatch));
            tokio::spawn(stop.clone().run_until_cancelled_owned(watched));
        }
        tokio::spawn(accept(
            listener,
            workers,
            service,
            terms,
            stop.clone(),
            tasks.clone(),
        ));
        Self { stop, tasks }
    }

    /// Refuses new connections and lets those that are open finish their calls. False when some had not at the limit.
    pub(super) async fn drain(self, limit: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        timeout(limit, self.tasks.wait()).await.is_ok()
    }
}

/// A provider that is dropped without leaving takes no more connections and calls; those under way may end.
impl Drop for Connections {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept<S, B>(
    listener: TcpListener,
    workers: Workers,
    service: S,
    terms: Terms,
    stop: CancellationToken,
    tasks: TaskTracker,
) where
    S: Service<Request<IncomingBody>, Response = Response<B>, Error = Infallible>,
    S: ForConnection + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut admission = Admission::new();
    let dispatch = terms.dispatch.clone();
    let stands_still = |worker| {
        let dispatch = dispatch.as_ref();
        dispatch.is_some_and(|dispatch| dispatch.stands_still(worker))
    };
    let shares = Shares::new(workers.len());
    loop {
        let accepted = tokio::select! {
            stream = guarded_http::accept(&listener) => stream,
            () = stop.cancelled() => return,
        };
        // A socket belongs to the runtime that made it, so it is handed over as the operating system's own.
        match accepted.into_std() {
            Ok(stream) if admission.admits(&tasks) => {
                let share = shares.least(stands_still);
                // A token of its own: connections that share one also share its lock, on each of their polls.
                let connection = serve(
                    stream,
                    service.clone(),
                    terms.clone(),
                    share.worker(),
                    stop.child_token(),
                );
                let handle = workers.handles().nth(share.worker());
                let connection = async move {
                    connection.await;
                    drop(share);
                };
                tasks.spawn_on(connection, handle.expect("each share is a worker's"));
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "a connection was gone before it was served"),
        }
    }
}

async fn serve<S, B>(
    stream: std::net::TcpStream,
    service: S,
    terms: Terms,
    worker: usize,
    stop: CancellationToken,
) where
    S: Service<Request<IncomingBody>, Response = Response<B>, Error = Infallible>,
    S: ForConnection + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let lane = terms.dispatch.as_ref();
    let lane = lane.map(|dispatch| dispatch.lane(worker));
    let opened = tokio::select! {
        opened = timeout(HEADER_LIMIT, open(stream, &terms)) => opened,
        () = stop.cancelled() => return,
    };
    match opened {
        Ok(Ok(Opened::Plain(stream))) => {
            let service = service.for_connection(stream.connect_info(), None);
            exchange(stream, service, lane, terms, stop).await;
        }
        Ok(Ok(Opened::Secure(stream, addresses, certificate))) => {
            let service = service.for_connection(addresses, certificate);
            // Boxed, so that plain connections do not pay for its size.
            Box::pin(exchange(*stream, service, lane, terms, stop)).await;
        }
        Ok(Ok(Opened::Refused)) => {}
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection was gone before it was served");
        }
        Err(_) => tracing::debug!("a peer connected and said nothing"),
    }
}

/// Answers the requests of a connection until it ends.
async fn exchange<T, S, B>(
    stream: T,
    service: S,
    lane: Option<Lane>,
    terms: Terms,
    stop: CancellationToken,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<IncomingBody>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut builder = auto::Builder::new(Streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_LIMIT)
        .max_concurrent_streams(terms.streams)
        // As many as may be in flight can meet their deadline at the same time, on a machine that is too busy to have begun them: with h2's
        // own 20, more of which end the connection, that would take healthy calls along.
        .max_pending_accept_reset_streams(terms.streams.max(LEAST_GIVEN_UP) as usize);
    // The connection's own copy serves each of its calls: to copy it for a call is to move counts that all cores share.
    let own = RefCell::new((service, lane));
    let service = service_fn(move |request: Request<Incoming>| {
        let (service, lane) = &mut *own.borrow_mut();
        let placed = lane
            .as_mut()
            .and_then(|lane| lane.place(request.uri().path()));
        let is_stream = request.version() == Version::HTTP_2;
        let call = service.call(request.map(|body| IncomingBody::new(body, is_stream)));
        if is_stream {
            streams::place_next(placed);
            Answer::Stream { call }
        } else {
            Answer::placed(call, placed)
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = aged(terms.most_age) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended with an error");
    }
}

/// Completes when a connection has reached the age, give or take a tenth, so that those that came together do not go together.
async fn aged(most: Option<Duration>) {
    match most {
        Some(age) => sleep(age.mul_f64(0.9 + fastrand::f64() / 5.0)).await,
        None => std::future::pending().await,
    }
}

/// A connection whose first bytes have come.
enum Opened {
    Plain(TcpStream),
    /// Within TLS, between these addresses.
    Secure(Box<Secure>, TcpConnectInfo, Option<PeerCertificate>),
    /// It spoke TLS where it should not, or none where it should.
    Refused,
}

/// Takes a connection over to this runtime, and waits for its first bytes.
async fn open(stream: std::net::TcpStream, terms: &Terms) -> io::Result<Opened> {
    let stream = TcpStream::from_std(stream)?;
    stream.set_nodelay(true)?;
    sys::limit_unacknowledged(&stream, TAKE_LIMIT)?;
    let opening = opening::arrived(&stream).await?;
    let ends = Ends::of(&stream);
    match (&terms.tls, opening) {
        (None, Opening::Tls) => {
            let reason = "it speaks TLS, and this port does not: set --tls-cert and --tls-key";
            terms.complaints.add(ends, reason);
            secure::refuse_tls(stream).await;
            Ok(Opened::Refused)
        }
        (None, _) => Ok(Opened::Plain(stream)),
        (Some(tls), Opening::Tls) => {
            let addresses = stream.connect_info();
            match secure::accept(tls, stream).await {
                Ok((stream, certificate)) => {
                    Ok(Opened::Secure(Box::new(stream), addresses, certificate))
                }
                Err(error) => {
                    // A peer that ends the connection in the middle has said nothing that is worth a line.
                    if error.get_ref().is_some() {
                        let reason = format!("the TLS handshake failed: {error}");
                        terms.complaints.add(ends, &reason);
                    }
                    Err(error)
                }
            }
        }
        (Some(_), opening) => {
            let reason = "it speaks no TLS, which this port asks for (--tls-cert)";
            terms.complaints.add(ends, reason);
            secure::refuse_plain(stream, opening).await;
            Ok(Opened::Refused)
        }
    }
}
