//! The figures on a route of an axum app, and in its own registry: `cargo run -p metrics-core --example axum`, then
//! `curl 127.0.0.1:8080/metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_core::{Config, MethodKey, Metrics, Outcome, Side};
use tokio::net::TcpListener;

/// Answers a scrape in the format that it asks for.
async fn figures(State(metrics): State<Metrics>, headers: HeaderMap) -> impl IntoResponse {
    let scrape = metrics.scrape(&headers);
    ([(header::CONTENT_TYPE, scrape.content_type)], scrape.body)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = Metrics::new(Config::default())?;
    tokio::spawn(metrics.ticker());

    // Families of the app's own stand at the end of each scrape.
    let visits = prometheus::IntCounter::new("visits_total", "Visits of the front page")?;
    metrics
        .prometheus_registry()
        .register(Box::new(visits.clone()))?;

    let app = Router::new()
        .route(
            "/",
            get(async move || {
                visits.inc();
                "hello"
            }),
        )
        .route("/metrics", get(figures))
        .with_state(metrics.clone());
    metrics
        .method(Side::Provider, &MethodKey::new("shop.Orders", "place"))
        .start()
        .end(Outcome::SUCCESS);
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
