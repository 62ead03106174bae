//! One provider of some answers UNAVAILABLE at once, and a real client calls them under each policy.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dubbo_registry::{ZooKeeperConfig, ZooKeeperRegistry};
use e2e::Program;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use test_servers::{LONG, ZooKeeper};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tonic::{Request, Response, Status};
use triple::{Provider, RpcMetadata, Serving, Workers};

const CALLS: usize = 1_000;

/// What a bad provider may get: five to be found out, those that were on their way, and trials.
const MOST_ATTEMPTS: usize = 40;

/// The client's own default.
const DEFAULT_RETRIES: usize = 2;

/// Answers after 10 ms, or refuses at once, and counts.
#[derive(Clone, Debug, Default)]
struct Greeter {
    refuses: bool,
    calls: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl GreetService for Greeter {
    async fn greet(&self, _: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.refuses {
            return Err(Status::unavailable("this provider takes no calls"));
        }
        sleep(Duration::from_millis(10)).await;
        Ok(Response::new(GreetResponse {
            greeting: "hello".to_owned(),
        }))
    }
}

async fn announced(greeter: &Greeter, registry: &ZooKeeperRegistry) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut serving = Provider::new("greeter")
        .service(
            GreetServiceServer::new(greeter.clone()),
            greet::FILE_DESCRIPTOR_SET,
        )
        .unwrap()
        .serve(listener, &Workers::here())
        .await
        .unwrap();
    let announced = serving.announce(registry, "127.0.0.1").unwrap();
    announced.done().await.unwrap();
    serving
}

/// Registers so many providers, the first of which are bad, and has a client call them under each policy, with so many retries.
async fn black_hole(providers: usize, bad: usize, retries: usize) {
    let zookeeper = ZooKeeper::start().await;
    let registry = ZooKeeperRegistry::connect(
        ZooKeeperConfig::new(zookeeper.address()),
        Arc::new(()),
        Arc::new(RpcMetadata::default()),
    )
    .unwrap();
    let mut refusing = Vec::new();
    let mut servings = Vec::new();
    for number in 0..providers {
        let greeter = Greeter {
            refuses: number < bad,
            ..Greeter::default()
        };
        servings.push(announced(&greeter, &registry).await);
        refusing.extend((number < bad).then_some(greeter));
    }
    for policy in ["p2c", "random", "roundrobin", "leastactive"] {
        let before: Vec<_> = refusing.iter().map(attempts).collect();
        let mut client = Program::start(
            Program::client(&zookeeper.address())
                .args(["--push=false", "--quiet", "--interval=0s"])
                .arg("--concurrency=16")
                .arg(format!("--count={CALLS}"))
                .arg(format!("--retries={retries}"))
                .arg(format!("--loadbalance={policy}")),
        );
        assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
        let summary = client.summary();
        let what = format!("{policy}, {bad} of {providers}: {}", summary.line);
        assert_eq!(summary.succeeded, CALLS as u64, "{what}");
        for (greeter, before) in refusing.iter().zip(before) {
            let more = attempts(greeter) - before;
            assert!(more <= MOST_ATTEMPTS, "{what}: {more} attempts");
        }
    }
}

fn attempts(greeter: &Greeter) -> usize {
    greeter.calls.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_fails_no_call_of_a_client_under_any_policy() {
    for providers in [2, 3, 5, 10] {
        black_hole(providers, 1, DEFAULT_RETRIES).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_of_bad_providers_fails_no_call_of_a_client_under_any_policy() {
    black_hole(3, 1, DEFAULT_RETRIES).await;
    black_hole(5, 2, DEFAULT_RETRIES).await;
    // As long as no provider has answered yet, a call may meet all bad ones: it takes as many retries.
    black_hole(10, 3, 3).await;
}
