//! Probes for whoever supervises the process.
//!
//! * `GET /live`: 200 while the process answers at all
//! * `GET /ready`: 200 while it can do its work, 503 with the reason otherwise
//! * `GET /startup`: 200 once it has been ready for the first time

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
struct State {
    /// Why the process is not ready; none when it is.
    missing: Option<String>,
    started: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            missing: Some("starting".into()),
            started: false,
        }
    }
}

impl Readiness {
    /// Makes a process that is not ready: it is starting.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the process ready, and started if it was not yet.
    pub fn set(&self) {
        *self.0.lock() = State {
            missing: None,
            started: true,
        };
    }

    /// Makes the process not ready, for a reason that the probe shows.
    pub fn unset(&self, reason: impl Into<String>) {
        self.0.lock().missing = Some(reason.into());
    }

    /// Tells whether the process is ready.
    pub fn is_set(&self) -> bool {
        self.0.lock().missing.is_none()
    }

    fn ready(&self) -> (StatusCode, String) {
        match &self.0.lock().missing {
            None => ok(),
            Some(reason) => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("probe ready: {reason}"),
            ),
        }
    }

    fn started(&self) -> (StatusCode, String) {
        let state = self.0.lock();
        match (&state.missing, state.started) {
            (_, true) | (None, _) => ok(),
            (Some(reason), false) => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("probe startup: {reason}"),
            ),
        }
    }
}

fn ok() -> (StatusCode, String) {
    (StatusCode::OK, "ok".into())
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
        let started = readiness.clone();
        Router::new()
            .route("/live", get(async || "ok"))
            .route("/ready", get(async move || readiness.ready()))
            .route("/startup", get(async move || started.started()))
    }

    /// Serves until `shutdown` is done and the open requests are answered, within the limits of [`guarded_http`].
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        Server::new(self.router()).serve(listener, shutdown).await;
    }
}
