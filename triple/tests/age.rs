//! A provider that renews its connections, and one that is dropped.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::Reference;
use greet::greet_service_client::GreetServiceClient;
use support::{Behaviour, greet, provider};
use test_servers::{LONG, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use triple::{Consumer, ConsumerOptions, Serving, Workers};

const AGE: Duration = Duration::from_millis(200);

async fn renewing(behaviour: &Behaviour) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    provider(behaviour)
        .max_connection_age(AGE)
        .serve(listener, &Workers::here())
        .await
        .unwrap()
}

#[tokio::test]
async fn connections_that_the_provider_renews_cost_no_call() {
    let behaviour = Behaviour::taking(Duration::from_millis(5));
    let serving = renewing(&behaviour).await;
    let options = ConsumerOptions::default().retries(0);
    let reference = Reference::new(greet::INTERFACE).unwrap();
    let address = serving.address().to_string();
    let consumer = Consumer::direct(&address, &reference, &Workers::here(), options).unwrap();
    let client = GreetServiceClient::new(consumer);
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < 10 * AGE {
        greet(&client).await.unwrap();
        calls += 1;
    }
    assert_eq!(behaviour.calls(), calls, "no call is run twice");
}

#[tokio::test]
async fn an_idle_connection_ends_at_its_age() {
    let serving = renewing(&Behaviour::default()).await;
    let mut peer = TcpStream::connect(serving.address()).await.unwrap();
    // The preface and empty settings: all that a client has to say.
    peer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut received = Vec::new();
    let mut acknowledged = false;
    let ended = async {
        let mut bytes = [0; 1024];
        loop {
            let length = peer.read(&mut bytes).await.unwrap_or(0);
            received.extend_from_slice(&bytes[..length]);
            if length == 0 {
                return;
            }
            // A ping follows the first GOAWAY: the provider waits for its answer before it names the last stream.
            let ping = received.windows(9).position(|w| w[..4] == [0, 0, 8, 6]);
            if let Some(at) = ping.filter(|at| !acknowledged && received.len() >= at + 17) {
                let mut pong = received[at..at + 17].to_vec();
                pong[4] = 1;
                peer.write_all(&pong).await.unwrap();
                acknowledged = true;
            }
        }
    };
    timeout(LONG, ended).await.expect("the connection ends");
    assert!(
        received.windows(4).any(|w| w == [0, 0, 8, 7]),
        "a GOAWAY was sent: {received:?}"
    );
}

#[tokio::test]
async fn a_provider_that_is_dropped_listens_no_more() {
    let serving = renewing(&Behaviour::default()).await;
    let address = serving.address();
    TcpStream::connect(address).await.unwrap();
    drop(serving);
    eventually(LONG, "connections are refused", async || {
        TcpStream::connect(address).await.err()
    })
    .await;
}
