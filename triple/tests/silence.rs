//! A provider that goes silent without closing its connections, as a stopped process or a lost network does.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::{MemoryRegistry, Registration, Registry, ServiceInfo};
use support::{Behaviour, announced, client, greet, serve};
use test_servers::{LONG, TcpProxy, eventually};
use triple::{ConsumerOptions, LoadBalance, Serving};

/// Serves behind a proxy, and announces the proxy's address.
async fn behind_proxy(registry: &MemoryRegistry, behaviour: &Behaviour) -> (Serving, TcpProxy) {
    let serving = serve(behaviour).await;
    let proxy = TcpProxy::start(serving.address().to_string()).await;
    let (_, port) = proxy
        .address()
        .rsplit_once(':')
        .map(|(h, p)| (h.to_owned(), p.parse().unwrap()))
        .unwrap();
    let service = ServiceInfo {
        interface: greet::INTERFACE.to_owned(),
        methods: vec!["Greet".to_owned()],
        ..ServiceInfo::default()
    };
    let registration = Registration::new("greeter", "127.0.0.1", port, vec![service]).unwrap();
    registry.register(registration).done().await.unwrap();
    (serving, proxy)
}

fn options() -> ConsumerOptions {
    ConsumerOptions::default()
        .balance(LoadBalance::RoundRobin)
        .timeout(Duration::from_millis(500))
        // Without retries, every call that is sent into the silence shows.
        .retries(0)
}

#[tokio::test]
async fn a_silent_provider_is_avoided_after_one_timeout_and_comes_back() {
    let registry = MemoryRegistry::new();
    let (one, two) = (Behaviour::default(), Behaviour::default());
    let (_one, proxy) = behind_proxy(&registry, &one).await;
    let _two = announced(&registry, &two).await;
    let client = client(&registry, options());
    eventually(LONG, "both providers are called", async || {
        greet(&client).await.unwrap();
        one.calls() > 0 && two.calls() > 0
    })
    .await;

    proxy.block();
    let timeout = eventually(LONG, "a call meets the silence", async || {
        greet(&client).await.err()
    })
    .await;
    assert_eq!(timeout.code(), tonic::Code::DeadlineExceeded, "{timeout}");
    let before = two.calls();
    for _ in 0..100 {
        greet(&client).await.expect("no call tries the silent one");
    }
    assert_eq!(two.calls(), before + 100);

    proxy.restore();
    let before = one.calls();
    eventually(LONG, "calls come back to the provider", async || {
        greet(&client).await.unwrap();
        one.calls() > before
    })
    .await;
}

#[tokio::test]
async fn a_provider_whose_connections_are_cut_is_connected_again() {
    let registry = MemoryRegistry::new();
    let behaviour = Behaviour::default();
    let (_serving, proxy) = behind_proxy(&registry, &behaviour).await;
    let client = client(&registry, options());
    greet(&client).await.unwrap();
    proxy.cut();
    let failed = eventually(LONG, "a call fails", async || greet(&client).await.err()).await;
    assert_eq!(failed.code(), tonic::Code::Unavailable, "{failed}");
    proxy.restore();
    eventually(LONG, "calls succeed again", async || {
        greet(&client).await.ok()
    })
    .await;
}
