//! Both sides' figures agree with what was called.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::MemoryRegistry;
use greet::greet_service_client::GreetServiceClient;
use metrics_core::{Config, Figures, Metrics, OutcomeKind, Side, UNKNOWN_METHOD};
use support::{Behaviour, greet, provider, reference};
use tokio::net::TcpListener;
use tonic::Status;
use triple::{Consumer, ConsumerMetrics, ConsumerOptions, Serving, Workers, business_error};

async fn serve(registry: &MemoryRegistry, metrics: &Metrics, behaviour: &Behaviour) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider(behaviour).metrics(metrics);
    let mut serving = provider.serve(listener, &Workers::here()).await.unwrap();
    serving
        .announce(registry, "127.0.0.1")
        .unwrap()
        .done()
        .await
        .unwrap();
    serving
}

/// Makes a client that knows these methods before its first call.
fn client(
    registry: &MemoryRegistry,
    metrics: &Metrics,
    methods: &[&str],
    timeout: Duration,
) -> support::Client {
    let options = ConsumerOptions::default()
        .timeout(timeout)
        .metrics(ConsumerMetrics::new(
            metrics.clone(),
            methods.iter().copied(),
        ));
    GreetServiceClient::new(Consumer::new(
        registry,
        reference(),
        &Workers::here(),
        options,
    ))
}

fn metrics() -> Metrics {
    Metrics::new(Config::default()).unwrap()
}

fn only(metrics: &Metrics, side: Side) -> Figures {
    let mut figures = metrics.figures(side);
    assert_eq!(figures.len(), 1, "{figures:?}");
    figures.remove(0)
}

/// Makes `calls` calls of a provider that behaves so, and returns the figures of both sides.
async fn figures(behaviour: Behaviour, calls: usize, timeout: Duration) -> [(Figures, String); 2] {
    let registry = MemoryRegistry::new();
    let (theirs, ours) = (metrics(), metrics());
    let _serving = serve(&registry, &theirs, &behaviour).await;
    let client = client(&registry, &ours, &["Greet"], timeout);
    for _ in 0..calls {
        let _ = greet(&client).await;
    }
    [
        (only(&theirs, Side::Provider), theirs.text()),
        (only(&ours, Side::Consumer), ours.text()),
    ]
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn successes_are_counted_once_on_each_side() {
    for (figures, text) in figures(Behaviour::default(), 7, LONG).await {
        assert_eq!(figures.outcomes.of(OutcomeKind::Success), 7, "{figures:?}");
        assert_eq!((figures.outcomes.total(), figures.in_flight), (7, 0));
        assert!(!text.contains("grpc.health"), "health is no traffic");
    }
}

#[tokio::test]
async fn business_errors_are_business_errors_on_both_sides() {
    let behaviour = Behaviour::failing(|| business_error("random error"));
    for (figures, _) in figures(behaviour, 3, LONG).await {
        assert_eq!(figures.outcomes.of(OutcomeKind::Business), 3, "{figures:?}");
        assert_eq!((figures.outcomes.total(), figures.in_flight), (3, 0));
    }
}

#[tokio::test]
async fn one_call_counts_once_and_each_of_its_attempts_besides() {
    let behaviour = Behaviour::failing(|| Status::unavailable("not now"));
    let [(theirs, _), (ours, _)] = figures(behaviour, 2, LONG).await;
    assert_eq!(
        theirs.outcomes.of(OutcomeKind::Unavailable),
        6,
        "each attempt reaches the provider"
    );
    assert_eq!(
        ours.outcomes.of(OutcomeKind::Unavailable),
        2,
        "the caller sees one call"
    );
    assert_eq!((ours.attempts_ok, ours.attempts_failed), (0, 6));
}

#[tokio::test]
async fn attempts_of_a_method_without_a_name_are_counted_with_its_calls() {
    let registry = MemoryRegistry::new();
    let (theirs, ours) = (metrics(), metrics());
    let _serving = serve(&registry, &theirs, &Behaviour::default()).await;
    let client = client(&registry, &ours, &[], LONG);
    greet(&client).await.unwrap();

    let ours = only(&ours, Side::Consumer);
    assert_eq!(&*ours.key.method, UNKNOWN_METHOD);
    assert_eq!((ours.outcomes.total(), ours.attempts_ok), (1, 1));
}

#[tokio::test]
async fn a_timeout_leaves_nothing_in_flight_on_either_side() {
    // On a machine that has much else to do, a connection takes its time as well.
    const TIMEOUT: Duration = Duration::from_secs(1);
    let registry = MemoryRegistry::new();
    let (theirs, ours) = (metrics(), metrics());
    let behaviour = Behaviour::taking(Duration::from_secs(3600));
    let _serving = serve(&registry, &theirs, &behaviour).await;
    let client = client(&registry, &ours, &["Greet"], TIMEOUT);
    greet(&client).await.unwrap_err();

    let ours = only(&ours, Side::Consumer);
    assert_eq!(ours.outcomes.of(OutcomeKind::Timeout), 1, "{ours:?}");
    assert_eq!(ours.in_flight, 0);
    // Whether the provider's deadline or the caller's cancellation comes first is a matter of microseconds.
    let ended = |figures: &Figures| {
        figures.outcomes.of(OutcomeKind::Timeout) + figures.outcomes.of(OutcomeKind::Cancelled)
    };
    test_servers::eventually(
        LONG,
        "every attempt has ended on the provider",
        async || {
            let figures = only(&theirs, Side::Provider);
            ended(&figures) == 3 && figures.in_flight == 0
        },
    )
    .await;
}
