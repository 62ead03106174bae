//! A measured client of the provider example: `cargo run -p metrics-core --example consumer`.

use std::io::Write;

use greet::GreetRequest;
use greet::greet_service_client::GreetServiceClient;
use metrics_core::{Config, ConsumerLayer, KnownService, Metrics, Outcome, OutcomeKind, Side};
use tonic::transport::Channel;
use tower::ServiceBuilder;

const CALLS: usize = 1000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = Metrics::new(Config::default())?;
    let channel = Channel::from_static("http://127.0.0.1:20000").connect_lazy();
    let service = ServiceBuilder::new()
        .layer(
            ConsumerLayer::new(&metrics, &[KnownService::new(greet::INTERFACE, ["Greet"])])
                // The channel fails when it has no connection.
                .classify(|_: &tonic::transport::Error| Outcome::UNAVAILABLE),
        )
        .map_request(|request: http::Request<_>| request.map(tonic::body::Body::new))
        .service(channel);
    let mut client = GreetServiceClient::new(service);
    for _ in 0..CALLS {
        // Failures are counted; they show below.
        let _ = client
            .greet(GreetRequest {
                name: "world".into(),
            })
            .await;
    }
    for figures in metrics.figures(Side::Consumer) {
        let (ok, failed) = (
            figures.outcomes.of(OutcomeKind::Success),
            figures.outcomes.failed(),
        );
        writeln!(
            std::io::stdout(),
            "{}: {ok} succeeded, {failed} failed, {:?}",
            figures.key.method,
            figures.latency
        )?;
    }
    Ok(())
}
