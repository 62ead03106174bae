//! Accepts connections, and ends them when it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use credentials::ServerTls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::connection::Shared;
use crate::connection_limit::ConnectionLimit;
use crate::limits::Limits;

/// What a server of scrapes and probes offers by ALPN.
pub const PROTOCOLS: &[&str] = &["http/1.1"];

/// How long accepting pauses when the process has no file descriptor left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// An HTTP/1.1 server for a port that strangers can reach.
#[derive(Clone, Debug)]
pub struct Server {
    router: Router,
    tls: Option<ServerTls>,
    limits: Limits,
}

impl Server {
    /// Makes a server of these routes with the default limits.
    pub fn new(router: Router) -> Self {
        Self {
            router,
            tls: None,
            limits: Limits::default(),
        }
    }

    /// Sets what encrypts the connections; nothing does unless it is set.
    #[must_use]
    pub fn tls(mut self, tls: Option<ServerTls>) -> Self {
        self.tls = tls;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves until `shutdown` is done and the open requests are answered, or have taken longer than they may.
    /// Connections run on the runtime that polls this; when it is dropped, they end at once.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let Self {
            router,
            tls,
            limits,
        } = self;
        let limit = ConnectionLimit::new(limits.connections, limits.patience);
        let shared = Shared {
            router,
            tls,
            limits,
            answering: Arc::new(Semaphore::new(limits.answering.max(1))),
            stop: CancellationToken::new(),
            complaints: Arc::default(),
        };
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let _end_at_drop = end.clone().drop_guard();
        let accept = async {
            loop {
                let stream = accept(&listener).await;
                let slot = limit.acquire().await;
                let connection = shared.clone().serve(stream, slot);
                tasks.spawn(end.clone().run_until_cancelled_owned(connection));
            }
        };
        tokio::select! {
            () = accept => {}
            () = shutdown => {}
        }
        drop(listener);
        shared.stop.cancel();
        tasks.close();
        if timeout(limits.leave, tasks.wait()).await.is_err() {
            debug!(limit = ?limits.leave, "requests were not answered in time before the stop");
        }
    }
}

/// Accepts a connection, however long the process is out of file descriptors: then it tells the log once, and tries on.
///
/// Dropped before it is done, it has accepted none.
pub async fn accept(listener: &TcpListener) -> TcpStream {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(err) => {
                if !failing {
                    warn!("a connection was not accepted, trying on: {err}");
                }
                failing = true;
                sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}
