//! Whatever comes and goes leaves no task behind.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::{MemoryRegistry, Registry};
use greet::greet_service_client::GreetServiceClient;
use support::{Behaviour, announced, client, greet, reference};
use test_servers::{LONG, eventually};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use triple::{Consumer, ConsumerOptions, Workers};

/// How often each of them comes and goes.
const TIMES: usize = 20;

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn providers_consumers_and_connections_that_come_and_go_leave_no_task() {
    let registry = MemoryRegistry::new();
    let behaviour = Behaviour::default();
    let lasting = announced(&registry, &behaviour).await;
    let consumer = client(&registry, ConsumerOptions::default());
    greet(&consumer).await.unwrap();
    let before = tasks();
    assert!(before > 0, "a provider and a consumer have tasks");

    for _ in 0..TIMES {
        let passing = announced(&registry, &behaviour).await;
        let other = client(&registry, ConsumerOptions::default());
        for _ in 0..10 {
            greet(&consumer).await.unwrap();
            greet(&other).await.unwrap();
        }
        let _silent = TcpStream::connect(lasting.address()).await.unwrap();
        assert!(tasks() > before, "what has come has tasks");
        drop(other);
        passing.leave(Duration::from_millis(1)).await;
    }
    no_more_tasks_than(before).await;
}

async fn no_more_tasks_than(before: usize) {
    eventually(LONG, "no more tasks than before", async || {
        let now = tasks();
        if now <= before {
            Ok(())
        } else {
            Err(format!("{now} tasks, {before} before"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_is_dropped_is_listed_no_longer_and_leaves_no_task() {
    let registry = MemoryRegistry::new();
    let behaviour = Behaviour::default();
    let list = registry.subscribe(reference());
    let other = MemoryRegistry::new();
    let there = other.subscribe(reference());
    let before = tasks();
    let mut passing = announced(&registry, &behaviour).await;
    let second = passing.announce(&other, "127.0.0.1").unwrap();
    second.done().await.unwrap();
    assert_eq!((list.providers().len(), there.providers().len()), (1, 1));
    drop(passing);
    for list in [list, there] {
        eventually(LONG, "the provider is unlisted", async || {
            let found = list.providers().len();
            (found == 0).then_some(()).ok_or(found)
        })
        .await;
    }
    no_more_tasks_than(before).await;
}

#[tokio::test]
async fn a_provider_that_leaves_is_unregistered_wherever_it_was_announced() {
    let (one, two) = (MemoryRegistry::new(), MemoryRegistry::new());
    let mut serving = announced(&one, &Behaviour::default()).await;
    let second = serving.announce(&two, "127.0.0.1").unwrap();
    second.done().await.unwrap();
    let lists = [one.subscribe(reference()), two.subscribe(reference())];
    serving.leave(Duration::ZERO).await;
    for list in lists {
        assert!(list.providers().is_empty());
    }
}

#[tokio::test]
async fn a_consumer_of_a_name_that_is_dropped_leaves_no_task() {
    let lasting = support::serve(&Behaviour::default()).await;
    let address = format!("localhost:{}", lasting.address().port());
    let before = tasks();
    for _ in 0..TIMES {
        let (reference, workers) = (reference(), Workers::here());
        let options = ConsumerOptions::default();
        let consumer = Consumer::direct(&address, &reference, &workers, options).unwrap();
        greet(&GreetServiceClient::new(consumer)).await.unwrap();
    }
    no_more_tasks_than(before).await;
}
