//! What the daemon serves:
//!
//! * `/metrics`: for Prometheus
//! * `/live`, with no login: 200 while passes are being made, 503 when none has ended for far too long
//! * `/ready`, with no login: 200 once a pass has come to its end without failure, 503 before

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use guarded_http::{Protection, Server};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// What the probes answer from; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    ready: Arc<AtomicBool>,
    last_sign: Arc<watch::Sender<Instant>>,
    patience: Duration,
}

impl Health {
    /// Makes the health of a daemon that counts as stuck when it gives no sign for longer than `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            ready: Arc::default(),
            last_sign: Arc::new(watch::Sender::new(Instant::now())),
            patience,
        }
    }

    /// Notes a sign of life.
    pub(crate) fn alive(&self) {
        self.last_sign.send_replace(Instant::now());
    }

    /// Notes a pass without failure.
    pub(crate) fn ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    fn is_live(&self) -> bool {
        self.last_sign.borrow().elapsed() <= self.patience
    }
}

/// Serves until the stop, behind the protection and within the limits of [`guarded_http`].
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    health: Health,
    protection: Protection,
    stop: CancellationToken,
) {
    Server::new(router(metrics, health, &protection))
        .tls(protection.tls)
        .serve(listener, stop.cancelled_owned())
        .await;
}

fn router(metrics: Metrics, health: Health, protection: &Protection) -> Router {
    let scrape = async |State((metrics, _)): State<(Metrics, Health)>| {
        (
            [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)],
            metrics.text(),
        )
    };
    let live = async |State((_, health)): State<(Metrics, Health)>| probe(health.is_live());
    let ready = async |State((_, health)): State<(Metrics, Health)>| {
        probe(health.ready.load(Ordering::Relaxed))
    };
    let landing = async || {
        Html(
            "<title>pgw-cleaner</title><h1>pgw-cleaner</h1><a href=metrics>metrics</a> <a href=live>live</a> <a href=ready>ready</a>",
        )
    };
    let figures = Router::new()
        .route("/", get(landing))
        .route("/metrics", get(scrape));
    // A supervisor knows no password, and learns nothing here.
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .merge(protection.protect(figures))
        .with_state((metrics, health))
}

fn probe(good: bool) -> impl IntoResponse {
    if good {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not yet\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_gives_no_sign_for_too_long_is_not_live() {
        let health = Health::new(Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(health.is_live());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!health.is_live());
        health.alive();
        assert!(health.is_live());
    }
}
