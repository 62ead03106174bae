//! Whatever comes and goes leaves no task behind.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::MemoryRegistry;
use support::{Behaviour, announced, client, greet};
use test_servers::{LONG, eventually};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use triple::ConsumerOptions;

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
