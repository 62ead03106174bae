//! What a consumer does when a provider fails, hangs or leaves.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use dubbo_registry::{MemoryRegistry, Registration, Registry, ServiceInfo};
use greet::greet_service_client::GreetServiceClient;
use support::{Behaviour, announced, client, greet, provider, reference, serve};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;
use tonic::{Code, Status};
use triple::{
    BUSINESS_CODE, Consumer, ConsumerOptions, LoadBalance, Serving, Workers, business_error,
    wire_code,
};

fn in_turn() -> ConsumerOptions {
    ConsumerOptions::default().balance(LoadBalance::RoundRobin)
}

#[tokio::test]
async fn a_call_reaches_the_provider_and_comes_back() {
    let registry = MemoryRegistry::new();
    let good = Behaviour::default();
    let _serving = announced(&registry, &good).await;
    let client = client(&registry, ConsumerOptions::default());
    assert_eq!(greet(&client).await.unwrap(), "hello world");
    assert_eq!(good.calls(), 1);
}

#[tokio::test]
async fn a_business_error_arrives_as_17_and_is_not_retried() {
    let registry = MemoryRegistry::new();
    let bad = Behaviour::failing(|| business_error("random error"));
    let (_one, _two) = (
        announced(&registry, &bad).await,
        announced(&registry, &bad).await,
    );
    let client = client(&registry, ConsumerOptions::default());
    let status = greet(&client).await.unwrap_err();
    assert_eq!(wire_code(&status), BUSINESS_CODE);
    assert_eq!(status.message(), "random error");
    assert_eq!(bad.calls(), 1, "one attempt");
}

#[tokio::test]
async fn an_unavailable_provider_is_passed_over_for_another() {
    let registry = MemoryRegistry::new();
    let bad = Behaviour::failing(|| Status::unavailable("not me"));
    let good = Behaviour::default();
    let (_bad, _good) = (
        announced(&registry, &bad).await,
        announced(&registry, &good).await,
    );
    let client = client(&registry, in_turn());
    for _ in 0..50 {
        greet(&client).await.unwrap();
    }
    assert_eq!(good.calls(), 50, "each call ends at the good provider");
    assert!(bad.calls() > 0, "the bad one was tried as well");
}

#[tokio::test]
async fn attempts_end_with_the_retries_and_the_last_error_is_the_answer() {
    let registry = MemoryRegistry::new();
    let bad = Behaviour::failing(|| Status::unavailable("broken"));
    let _serving = announced(&registry, &bad).await;
    let client = client(&registry, in_turn().retries(2));
    let status = greet(&client).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "broken")
    );
    assert_eq!(bad.calls(), 3);
}

#[tokio::test]
async fn a_provider_that_hangs_costs_one_timeout_and_is_then_avoided() {
    let registry = MemoryRegistry::new();
    let slow = Behaviour::taking(Duration::from_secs(3600));
    let good = Behaviour::default();
    let (_slow, _good) = (
        announced(&registry, &slow).await,
        announced(&registry, &good).await,
    );
    let options = in_turn().timeout(Duration::from_millis(200));
    let client = client(&registry, options);
    for _ in 0..10 {
        greet(&client).await.unwrap();
    }
    assert_eq!(good.calls(), 10);
}

#[tokio::test]
async fn the_callers_own_deadline_ends_all_attempts() {
    let registry = MemoryRegistry::new();
    let slow = Behaviour::taking(Duration::from_secs(3600));
    let _serving = announced(&registry, &slow).await;
    let client = client(&registry, ConsumerOptions::default());
    let mut request = tonic::Request::new(greet::GreetRequest::default());
    request.set_timeout(Duration::from_millis(100));
    let status = client.clone().greet(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(slow.calls(), 1, "no attempt after the caller's deadline");
}

#[tokio::test]
async fn a_provider_that_leaves_under_load_loses_no_call() {
    let registry = MemoryRegistry::new();
    let good = Behaviour::taking(Duration::from_millis(5));
    let (one, _two) = (
        announced(&registry, &good).await,
        announced(&registry, &good).await,
    );
    let client = client(&registry, in_turn().retries(0));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..400 {
                    greet(&client).await?;
                }
                Ok::<_, Status>(())
            })
        })
        .collect();
    one.leave(Duration::from_millis(500)).await;
    for caller in callers {
        caller
            .await
            .unwrap()
            .expect("every call succeeds without a retry");
    }
    assert_eq!(good.calls(), 8 * 400);
}

#[tokio::test]
async fn with_no_provider_the_answer_says_so() {
    let registry = MemoryRegistry::new();
    let gone = announced(&registry, &Behaviour::default()).await;
    let client = client(&registry, ConsumerOptions::default());
    greet(&client).await.unwrap();
    gone.leave(Duration::ZERO).await;
    let status = greet(&client).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains(greet::INTERFACE), "{status}");
}

/// A provider of weight 0 that a consumer is connected to, and one of the usual weight, whose connections are held up until `go`.
struct Held {
    weightless: Behaviour,
    weighted: Behaviour,
    client: support::Client,
    go: Arc<Notify>,
    _serving: [Serving; 2],
}

async fn held() -> Held {
    let registry = MemoryRegistry::new();
    let (weightless, weighted) = (Behaviour::default(), Behaviour::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let none = provider(&weightless).weight(0);
    let mut connected = none.serve(listener, &Workers::here()).await.unwrap();
    let announcement = connected.announce(&registry, "127.0.0.1").unwrap();
    announcement.done().await.unwrap();

    let behind = serve(&weighted).await;
    let (go, target) = (Arc::new(Notify::new()), behind.address());
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = ServiceInfo {
        interface: greet::INTERFACE.to_owned(),
        methods: vec!["Greet".to_owned()],
        ..ServiceInfo::default()
    };
    let port = door.local_addr().unwrap().port();
    let registration = Registration::new("greeter", "127.0.0.1", port, vec![service]).unwrap();
    registry.register(registration).done().await.unwrap();
    let gone = Arc::clone(&go);
    tokio::spawn(async move {
        let (mut inside, _) = door.accept().await.unwrap();
        gone.notified().await;
        let mut outside = TcpStream::connect(target).await.unwrap();
        let _ = copy_bidirectional(&mut inside, &mut outside).await;
    });

    let workers = Workers::here();
    let consumer = Consumer::new(&registry, reference(), &workers, ConsumerOptions::default());
    consumer.ready().await;
    Held {
        weightless,
        weighted,
        client: GreetServiceClient::new(consumer),
        go,
        _serving: [connected, behind],
    }
}

#[tokio::test]
async fn a_provider_of_weight_0_gets_no_call_while_another_one_is_being_connected() {
    let held = held().await;
    let began = Instant::now();
    let calls = (0..8).map(|_| {
        let client = held.client.clone();
        tokio::spawn(async move { greet(&client).await.unwrap() })
    });
    let calls: Vec<_> = calls.collect();
    tokio::task::yield_now().await;
    held.go.notify_one();
    for call in calls {
        call.await.unwrap();
    }
    let (took, counts) = (
        began.elapsed(),
        (held.weightless.calls(), held.weighted.calls()),
    );
    // A call waits for no connection longer than a second.
    assert!(
        counts == (0, 8) || took >= Duration::from_secs(1),
        "{counts:?} in {took:?}"
    );
}

#[tokio::test]
async fn a_provider_of_weight_0_is_called_when_no_other_one_can_be() {
    let held = held().await;
    greet(&held.client).await.unwrap();
    assert_eq!((held.weightless.calls(), held.weighted.calls()), (1, 0));
}
