//! Probes for the supervisor of a process.
//!
//! * `GET /live`: 200 while the process answers at all
//! * `GET /ready`: 200 while it can do its work, 503 with the reason otherwise
//! * `GET /startup`: 200 while the process answers at all: what it waits for is a matter of readiness, which no restart brings

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use guarded_http::Server;
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// Whether the process can do its work. A cheap handle: clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug)]
enum State {
    /// The process has not been ready yet, for this reason.
    Starting(String),
    Ready,
    /// The process was stopped, or made not ready, for this reason.
    NotReady(String),
}

impl Default for State {
    fn default() -> Self {
        Self::Starting("starting".into())
    }
}

impl Readiness {
    /// Makes a process that is not ready: it is starting.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the process ready.
    pub fn set(&self) {
        *self.0.lock() = State::Ready;
    }

    /// Names what the process waits for before it is ready for the first time, such as "waiting for ZooKeeper at zookeeper:2181".
    /// Has no effect later.
    pub fn waiting(&self, reason: impl Into<String>) {
        if let State::Starting(known) = &mut *self.0.lock() {
            *known = reason.into();
        }
    }

    /// Makes the process not ready, for a reason that the probe shows.
    pub fn unset(&self, reason: impl Into<String>) {
        *self.0.lock() = State::NotReady(reason.into());
    }

    /// Tells whether the process is ready.
    pub fn is_set(&self) -> bool {
        matches!(*self.0.lock(), State::Ready)
    }

    fn ready(&self) -> (StatusCode, String) {
        match &*self.0.lock() {
            State::Ready => (StatusCode::OK, "ok".into()),
            State::Starting(reason) | State::NotReady(reason) => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("probe ready: {reason}"),
            ),
        }
    }
}

/// The HTTP endpoint of the probes.
#[derive(Clone, Debug)]
pub struct Probes {
    readiness: Readiness,
}

impl Probes {
    /// Makes probes that show this readiness.
    pub fn new(readiness: &Readiness) -> Self {
        Self {
            readiness: readiness.clone(),
        }
    }

    /// Returns the routes, for servers that have others besides.
    pub fn router(self) -> Router {
        let Self { readiness } = self;
        Router::new()
            .route("/live", get(async || "ok"))
            .route("/ready", get(async move || readiness.ready()))
            .route("/startup", get(async || "ok"))
    }

    /// Serves until `shutdown` is done and the open requests are answered, within the limits of [`guarded_http`].
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        Server::new(self.router()).serve(listener, shutdown).await;
    }
}
