//! A measured provider that registers itself in ZooKeeper: `cargo run -p triple --example dubbo_provider`, and `curl
//! 127.0.0.1:9099/prometheus` shows its figures.

use std::sync::Arc;
use std::time::Duration;

use dubbo_registry::{ZooKeeperConfig, ZooKeeperRegistry};
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use metrics_core::{Config, Endpoint, Metrics};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};
use triple::{MeasuringObserver, Provider, RpcMetadata, Signals, Workers};

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
    let mut signals = Signals::install()?;
    let metrics = Metrics::new(Config::default())?;
    let registry = ZooKeeperRegistry::connect(
        ZooKeeperConfig::new("127.0.0.1:2181"),
        Arc::new(MeasuringObserver::new(&metrics)),
        Arc::new(RpcMetadata::default()),
    )?;
    let mut serving = Provider::new("greeter")
        .metrics(&metrics)
        .service(GreetServiceServer::new(Greeter), greet::FILE_DESCRIPTOR_SET)?
        .serve(
            TcpListener::bind("127.0.0.1:20000").await?,
            &Workers::here(),
        )
        .await?;
    serving.announce(&registry, "127.0.0.1")?;
    let listener = TcpListener::bind("127.0.0.1:9099").await?;
    let stopped = async {
        signals.next().await;
    };
    Endpoint::new(&metrics).serve(listener, stopped).await;
    serving.leave(Duration::from_secs(3)).await;
    Ok(())
}
