//! The time of calls ends whatever becomes of the runtimes around them.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::MemoryRegistry;
use greet::greet_service_client::GreetServiceClient;
use support::{Behaviour, announced, greet, reference};
use test_servers::{LONG, eventually};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout};
use tonic::Code;
use triple::{Consumer, ConsumerOptions, Workers};

const DAY: Duration = Duration::from_secs(86_400);

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn calls_end_in_time_after_the_runtime_that_made_the_consumer_has_ended() {
    let (maker, caller) = (runtime(), runtime());
    let registry = MemoryRegistry::new();
    let behaviour = Behaviour::taking(DAY);
    let (_serving, workers) = caller.block_on(async {
        let serving = announced(&registry, &behaviour).await;
        (serving, Workers::here())
    });
    let client = maker.block_on(async {
        let options = ConsumerOptions::default()
            .timeout(Duration::from_secs(1))
            .retries(0);
        let consumer = Consumer::new(&registry, reference(), &workers, options);
        consumer.ready().await;
        GreetServiceClient::new(consumer)
    });
    let running = caller.spawn({
        let client = client.clone();
        async move { greet(&client).await }
    });
    caller.block_on(eventually(LONG, "a call waits", async || {
        behaviour.calls() == 1
    }));
    drop(maker);
    caller.block_on(async {
        let ended = timeout(LONG, running).await.expect("the call ends");
        assert_eq!(ended.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
        let ended = timeout(LONG, greet(&client)).await.expect("the next ends");
        assert_eq!(ended.unwrap_err().code(), Code::DeadlineExceeded);
    });
}

#[tokio::test]
async fn each_call_ends_at_its_own_deadline() {
    let registry = MemoryRegistry::new();
    let _serving = announced(&registry, &Behaviour::taking(DAY)).await;
    let consumer = Consumer::new(
        &registry,
        reference(),
        &Workers::here(),
        ConsumerOptions::default().retries(0),
    );
    consumer.ready().await;
    let mut calls = tokio::task::JoinSet::new();
    let limits = [2000, 100, 1000, 500, 100].map(Duration::from_millis);
    for (index, limit) in limits.into_iter().enumerate() {
        let mut client = GreetServiceClient::new(consumer.clone());
        calls.spawn(async move {
            let mut request = tonic::Request::new(greet::GreetRequest::default());
            request.set_timeout(limit);
            let begun = Instant::now();
            let code = client.greet(request).await.unwrap_err().code();
            (index, code, begun.elapsed())
        });
    }
    let mut ended = 0;
    while let Some(call) = calls.join_next().await {
        let (index, code, took) = call.unwrap();
        assert_eq!(code, Code::DeadlineExceeded);
        assert!(took >= limits[index] / 2, "{took:?} of {:?}", limits[index]);
        ended += 1;
    }
    assert_eq!(ended, limits.len());
}
