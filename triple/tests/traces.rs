//! Which trace a call belongs to is passed on to the provider, with every attempt.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use dubbo_registry::MemoryRegistry;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use parking_lot::Mutex;
use support::client;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};
use triple::{ConsumerOptions, Provider, Serving, Workers};

const HEADERS: [(&str, &str); 3] = [
    (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    ("baggage", "user=alice"),
];

/// Notes the headers of a call's trace, and refuses every call.
#[derive(Clone, Default)]
struct Refusing {
    seen: Arc<Mutex<Vec<Vec<String>>>>,
}

#[tonic::async_trait]
impl GreetService for Refusing {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let headers = HEADERS.iter().flat_map(|(name, _)| {
            let values = request.metadata().get_all(*name).into_iter();
            values.map(|value| value.to_str().unwrap().to_owned())
        });
        self.seen.lock().push(headers.collect());
        Err(Status::unavailable("not now"))
    }
}

async fn announced(registry: &MemoryRegistry, service: &Refusing) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = Provider::new("greeter")
        .service(
            GreetServiceServer::new(service.clone()),
            greet::FILE_DESCRIPTOR_SET,
        )
        .unwrap();
    let mut serving = provider.serve(listener, &Workers::here()).await.unwrap();
    let announcement = serving.announce(registry, "127.0.0.1").unwrap();
    announcement.done().await.unwrap();
    serving
}

#[tokio::test]
async fn every_attempt_carries_the_trace_of_its_call_unchanged() {
    let registry = MemoryRegistry::new();
    let refusing = Refusing::default();
    let (_one, _two) = (
        announced(&registry, &refusing).await,
        announced(&registry, &refusing).await,
    );
    let mut client = client(&registry, ConsumerOptions::default());
    let mut request = Request::new(GreetRequest { name: "x".into() });
    for (name, value) in HEADERS {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    client.greet(request).await.unwrap_err();
    let seen = refusing.seen.lock().clone();
    assert!(seen.len() > 1, "the call is tried again: {seen:?}");
    for attempt in seen {
        assert_eq!(attempt, HEADERS.map(|(_, value)| value), "one value each");
    }
}
