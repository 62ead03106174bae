//! A measured server: `cargo run -p metrics-core --example provider`, then `curl 127.0.0.1:9099/prometheus`.

use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use metrics_core::{Application, Config, Endpoint, KnownService, Metrics, ProviderLayer};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

struct Greeter;

#[tonic::async_trait]
impl GreetService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let greeting = format!("hello {}", request.into_inner().name);
        Ok(Response::new(GreetResponse { greeting }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let application = Application::default().name("greeter");
    let metrics = Metrics::new(Config::default().application(application))?;
    tokio::spawn(metrics.ticker());
    metrics.watch_runtime("calls", &tokio::runtime::Handle::current());
    let listener = TcpListener::bind("127.0.0.1:9099").await?;
    tokio::spawn(Endpoint::new(&metrics).serve(listener, std::future::pending()));
    Server::builder()
        .layer(ProviderLayer::new(
            &metrics,
            &[KnownService::new(greet::INTERFACE, ["Greet"])],
        ))
        .add_service(GreetServiceServer::new(Greeter))
        .serve("127.0.0.1:20000".parse()?)
        .await?;
    Ok(())
}
