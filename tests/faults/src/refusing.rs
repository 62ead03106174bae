//! A provider that refuses every call at once, or answers each with an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dubbo_registry::{ZooKeeperConfig, ZooKeeperRegistry};
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use test_servers::{LONG, eventually};
use tokio::net::TcpListener;
use tonic::{Code, Request, Response, Status};
use triple::{Provider, RpcMetadata, Serving, Workers};

use crate::fault::Length;
use crate::report::Report;
use crate::stage::{Infrastructure, Stage};

/// The attempts that a provider may get before it is ejected, and as trials afterwards: far from the hundreds of calls of each second.
const MOST_ATTEMPTS: usize = 40;

/// Answers every call with the same status, and counts how often.
#[derive(Clone, Debug)]
struct Refusing {
    code: Code,
    attempts: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl GreetService for Refusing {
    async fn greet(&self, _: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        Err(Status::new(self.code, "this provider takes no calls"))
    }
}

/// A provider in this process that answers every call with the same status.
#[derive(Debug)]
pub(crate) struct RefusingProvider {
    serving: Serving,
    attempts: Arc<AtomicUsize>,
    /// The registration lives as long as this.
    _registry: ZooKeeperRegistry,
}

impl RefusingProvider {
    /// Starts a provider that consumers of this stage find, and returns once it is called.
    pub(crate) async fn start(stage: &Stage, code: Code) -> Self {
        let refusing = Refusing {
            code,
            attempts: Arc::default(),
        };
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
        let registry =
            ZooKeeperRegistry::connect(config, Arc::new(()), Arc::new(RpcMetadata::default()))
                .expect("the address is legal");
        let announced = serving.announce(&registry, "127.0.0.1");
        let announced = announced.expect("the names are legal").done().await;
        announced.expect("ZooKeeper takes the registration");
        let provider = Self {
            serving,
            attempts: refusing.attempts,
            _registry: registry,
        };
        eventually(LONG, "the refusing provider is called", async || {
            provider.attempts() > 0
        })
        .await;
        provider
    }

    /// Returns how many calls it has refused.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Unregisters and ends it.
    pub(crate) async fn leave(self) {
        self.serving.leave(Duration::from_millis(500)).await;
    }
}

pub(crate) async fn calls(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let server = infrastructure.server();
    let client = infrastructure.client();
    let stage = infrastructure.with(&[server], &client).await;

    let mut report = Report::new("one of two answers UNAVAILABLE at once");
    let refusing = RefusingProvider::start(&stage, Code::Unavailable).await;
    let lasts = length.seconds(3, 20);
    let gap = stage.longest_gap(lasts).await;
    stage.calls_go_on().await;
    let attempts = refusing.attempts();
    report.note(&format!(
        " for {lasts:?}: {attempts} attempts on it; at most {gap:.1?} without an answer"
    ));
    report.promise(
        attempts <= MOST_ATTEMPTS,
        format!("it gets {MOST_ATTEMPTS} attempts at most: {attempts}"),
    );
    report.recovers(refusing.leave()).await;
    stage.unharmed(report).await
}
