//! A provider that refuses every call at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dubbo_registry::{ZooKeeperConfig, ZooKeeperRegistry};
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use test_servers::{LONG, eventually};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};
use triple::{Provider, RpcMetadata, Workers};

use crate::fault::Length;
use crate::report::Report;
use crate::stage::Surroundings;

/// The attempts that a provider may get before it is ejected, and as trials afterwards: far from the hundreds of calls of each second.
const MOST_ATTEMPTS: usize = 40;

/// Answers UNAVAILABLE, and counts how often.
#[derive(Clone, Debug, Default)]
struct Refusing(Arc<AtomicUsize>);

#[tonic::async_trait]
impl GreetService for Refusing {
    async fn greet(&self, _: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(Status::unavailable("this provider takes no calls"))
    }
}

pub(crate) async fn calls(length: Length) -> Report {
    let surroundings = Surroundings::start().await;
    let server = surroundings.server();
    let client = surroundings.client();
    let stage = surroundings.with(&[server], &client).await;

    let refusing = Refusing::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mut serving = Provider::new("refusing")
        .service(
            GreetServiceServer::new(refusing.clone()),
            greet::FILE_DESCRIPTOR_SET,
        )
        .expect("the descriptors are those of the service")
        .serve(listener, &Workers::here())
        .await
        .expect("the provider serves");
    let config = ZooKeeperConfig::new(stage.zookeeper.address());
    let registry = ZooKeeperRegistry::connect(config, Arc::new(()), Arc::new(RpcMetadata))
        .expect("the address is legal");
    let announced = serving.announce(&registry, "127.0.0.1");
    let announced = announced.expect("the names are legal").done().await;
    announced.expect("ZooKeeper takes the registration");

    let attempts = || refusing.0.load(Ordering::Relaxed);
    eventually(LONG, "the refusing provider is called", async || {
        attempts() > 0
    })
    .await;
    let lasts = length.seconds(3, 20);
    let gap = stage.longest_gap(lasts).await;
    stage.calls_go_on().await;
    let attempts = attempts();
    let mut report = Report::new(format!(
        "one of two answers UNAVAILABLE at once for {lasts:?}: {attempts} attempts on it; at most {gap:.1?} without an answer"
    ));
    report.promise(
        attempts <= MOST_ATTEMPTS,
        format!("it gets {MOST_ATTEMPTS} attempts at most: {attempts}"),
    );
    serving.leave(Duration::from_millis(500)).await;
    stage.unharmed(report).await
}
