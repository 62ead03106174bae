//! A method that blocks its thread, a light one and health checks, all on one connection.

use std::time::Duration;

use anyhow::Context as _;
use greet::greet_service_client::GreetServiceClient;
use greet::{GreetRequest, GreetResponse};
use http::uri::PathAndQuery;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use crate::running::Running;
use crate::statistics::quantile;

/// The pause between two calls of the light method, and between two health checks.
const PAUSE: Duration = Duration::from_millis(4);

/// How long the light calls go on before they are measured.
const WARM_UP: Duration = Duration::from_millis(300);

const HEAVY: PathAndQuery = PathAndQuery::from_static("/greet.GreetService/Greet1");

/// Returns the p99 in ms of the light method and of health checks, while the heavy method is called without a pause.
pub(super) async fn measure(provider: &Running, turn: Duration) -> anyhow::Result<(f64, f64)> {
    let endpoint = Endpoint::from_shared(format!("http://{}", provider.address()))?;
    let channel = endpoint.connect().await?;
    let end = Instant::now() + WARM_UP + turn;
    let mut tasks = JoinSet::new();
    tasks.spawn(block(channel.clone(), end));
    let light = {
        let client = GreetServiceClient::new(channel.clone());
        times(end, move || {
            let mut client = client.clone();
            async move { client.greet(request()).await.map(drop) }
        })
    };
    let health = {
        let client = HealthClient::new(channel);
        times(end, move || {
            let mut client = client.clone();
            async move { client.check(HealthCheckRequest::default()).await.map(drop) }
        })
    };
    let (light, health) = tokio::join!(light, health);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a caller ended")??;
    }
    Ok((quantile(&light?, 0.99), quantile(&health?, 0.99)))
}

fn request() -> GreetRequest {
    GreetRequest {
        name: "hello world".to_owned(),
    }
}

/// Calls the heavy method, one call after the other.
async fn block(channel: Channel, end: Instant) -> Result<(), Status> {
    let mut client = Grpc::new(channel);
    while Instant::now() < end {
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<GreetRequest, GreetResponse>::default();
        client.unary(Request::new(request()), HEAVY, codec).await?;
    }
    Ok(())
}

/// Makes calls with a pause between them, and returns the time of each after the warm-up in ms, in ascending order.
async fn times<F>(end: Instant, mut call: impl FnMut() -> F) -> anyhow::Result<Vec<f64>>
where
    F: Future<Output = Result<(), Status>>,
{
    let counted = Instant::now() + WARM_UP;
    let mut times = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        call().await?;
        if begun >= counted {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        sleep(PAUSE).await;
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
