//! A provider that answers UNAVAILABLE at once, beside others that do not: it draws calls like a black hole unless it is found out.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dubbo_registry::MemoryRegistry;
use futures_util::future::join_all;
use metrics_core::{Config, Metrics};
use support::{Behaviour, Client, announced, client, greet};
use test_servers::{LONG, eventually};
use tonic::{Code, Status};
use triple::{ConsumerMetrics, ConsumerOptions, LoadBalance, Serving};

const POLICIES: [LoadBalance; 4] = [
    LoadBalance::P2c,
    LoadBalance::Random,
    LoadBalance::RoundRobin,
    LoadBalance::LeastActive,
];

/// Serves so many providers with this behaviour.
async fn several(registry: &MemoryRegistry, behaviour: &Behaviour, count: usize) -> Vec<Serving> {
    join_all((0..count).map(|_| announced(registry, behaviour))).await
}

/// Makes calls with 16 callers, and returns how many failed.
async fn load(client: &Client, calls: usize) -> usize {
    let (left, failed) = (Arc::new(AtomicUsize::new(calls)), Arc::default());
    let callers = (0..16).map(|_| {
        let (client, left, failed) = (client.clone(), Arc::clone(&left), Arc::clone(&failed));
        tokio::spawn(async move {
            let take = |left: usize| left.checked_sub(1);
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_ok()
            {
                if greet(&client).await.is_err() {
                    AtomicUsize::fetch_add(&failed, 1, Ordering::Relaxed);
                }
            }
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    failed.load(Ordering::Relaxed)
}

/// Waits until every provider is connected: the first calls would otherwise have one alone.
async fn connected(client: &Client, providers: &[&Behaviour]) {
    eventually(LONG, "every kind of provider is called", async || {
        let _ = greet(client).await;
        providers.iter().all(|provider| provider.calls() > 0)
    })
    .await;
}

#[tokio::test]
async fn a_black_hole_fails_no_call_under_any_policy() {
    for balance in POLICIES {
        for (providers, holes) in [(2, 1), (3, 1), (5, 1), (10, 1), (5, 2)] {
            let registry = MemoryRegistry::new();
            let good = Behaviour::taking(Duration::from_millis(2));
            let bad = Behaviour::failing(|| Status::unavailable("not me"));
            let _good = several(&registry, &good, providers - holes).await;
            let _bad = several(&registry, &bad, holes).await;
            let options = ConsumerOptions::default().balance(balance);
            let client = client(&registry, options);
            let failed = load(&client, 800).await;
            let context = format!("{balance:?}, {holes} of {providers}");
            assert_eq!(failed, 0, "{context}");
            assert_eq!(good.calls(), 800, "{context}");
            assert!(bad.calls() <= 60, "{context}: {} attempts", bad.calls());
        }
    }
}

#[tokio::test]
async fn other_words_for_no_are_found_out_as_well() {
    let answers: [fn() -> Status; 3] = [
        || Status::resource_exhausted("full"),
        || Status::aborted("again"),
        || Status::unavailable(""),
    ];
    for answer in answers {
        let registry = MemoryRegistry::new();
        let good = Behaviour::taking(Duration::from_millis(2));
        let bad = Behaviour::failing(answer);
        let _good = several(&registry, &good, 1).await;
        let _bad = several(&registry, &bad, 1).await;
        let client = client(&registry, ConsumerOptions::default());
        assert_eq!(load(&client, 800).await, 0);
        assert!(bad.calls() <= 60, "{} attempts", bad.calls());
    }
}

#[tokio::test]
async fn a_provider_that_recovers_is_tried_and_comes_back() {
    let registry = MemoryRegistry::new();
    let good = Behaviour::taking(Duration::from_millis(1));
    let flaky = Behaviour::failing(|| Status::unavailable("starting"));
    let (_good, _flaky) = (
        announced(&registry, &good).await,
        announced(&registry, &flaky).await,
    );
    let metrics = Metrics::new(Config::default()).unwrap();
    let options =
        ConsumerOptions::default().metrics(ConsumerMetrics::new(metrics.clone(), ["Greet"]));
    let client = client(&registry, options);
    connected(&client, &[&good, &flaky]).await;
    assert_eq!(load(&client, 400).await, 0);
    let ejected = |metrics: &Metrics| {
        let text = metrics.text();
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        };
        (
            value("dubbo_consumer_ejected_providers{"),
            value("dubbo_consumer_ejections_total{"),
        )
    };
    // A trial that fails ejects it once more.
    eventually(LONG, "the gauge shows it", async || {
        let (now, all) = ejected(&metrics);
        now == 1.0 && all >= 1.0
    })
    .await;
    let before = flaky.calls();
    flaky.recover();
    eventually(LONG, "calls come back to it", async || {
        greet(&client).await.unwrap();
        flaky.calls() >= before + 20
    })
    .await;
    eventually(LONG, "the gauge shows it", async || {
        ejected(&metrics).0 == 0.0
    })
    .await;
}

#[tokio::test]
async fn a_lonely_provider_is_never_ejected() {
    let registry = MemoryRegistry::new();
    let bad = Behaviour::failing(|| Status::unavailable("not now"));
    let _bad = announced(&registry, &bad).await;
    let client = client(&registry, ConsumerOptions::default());
    for _ in 0..20 {
        assert_eq!(greet(&client).await.unwrap_err().code(), Code::Unavailable);
    }
    bad.recover();
    for _ in 0..20 {
        greet(&client)
            .await
            .expect("it is called as soon as it is well");
    }
}
