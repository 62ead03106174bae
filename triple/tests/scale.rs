//! Many providers and many workers: a bound on connections, a subset of the providers, and connections that end when they are idle.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dubbo_registry::{MemoryRegistry, Reference, Registration, Registry, ServiceInfo};
use greet::greet_service_client::GreetServiceClient;
use support::{Behaviour, Client, client, greet, reference, serve};
use test_servers::{LONG, eventually};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use triple::{Consumer, ConsumerOptions, LoadBalance, Runtime, Serving, Shape, Workers};

/// Passes connections on and counts those that are open.
struct Door {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

impl Door {
    async fn before(serving: &Serving) -> Self {
        let target = serving.address();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self {
            address: listener.local_addr().unwrap(),
            open: Arc::default(),
            made: Arc::default(),
        };
        let (open, made) = (Arc::clone(&door.open), Arc::clone(&door.made));
        tokio::spawn(async move {
            loop {
                let (mut inside, _) = listener.accept().await.unwrap();
                let open = Arc::clone(&open);
                made.fetch_add(1, Ordering::Relaxed);
                open.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut outside = TcpStream::connect(target).await.unwrap();
                    let _ = copy_bidirectional(&mut inside, &mut outside).await;
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        door
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }
}

fn direct(address: &str, workers: &Workers, options: ConsumerOptions) -> Client {
    let reference = Reference::new(greet::INTERFACE).unwrap();
    let consumer = Consumer::direct(address, &reference, workers, options).unwrap();
    GreetServiceClient::new(consumer)
}

/// Announces a provider that goes on being listed when it is gone.
async fn listed(registry: &MemoryRegistry, behaviour: &Behaviour) -> Serving {
    let serving = serve(behaviour).await;
    let service = ServiceInfo {
        interface: greet::INTERFACE.to_owned(),
        methods: vec!["Greet".to_owned()],
        ..ServiceInfo::default()
    };
    let port = serving.address().port();
    let registration = Registration::new("greeter", "127.0.0.1", port, vec![service]).unwrap();
    registry.register(registration).done().await.unwrap();
    serving
}

#[tokio::test]
async fn connections_to_one_provider_are_bounded_whatever_the_number_of_workers() {
    let serving = serve(&Behaviour::default()).await;
    let door = Door::before(&serving).await;
    let runtime = Runtime::new(Shape::PerCore).unwrap();
    for (connections, most) in [(1, 1), (3, 1), (5, 8), (50, 8)] {
        let options = ConsumerOptions::default()
            .connections(connections)
            .max_connections(most);
        let made = door.made();
        let client = direct(&door.address.to_string(), runtime.workers(), options);
        // From every worker, though fewer have a connection of their own.
        for worker in runtime.workers().handles() {
            let client = client.clone();
            let call = worker.spawn(async move { greet(&client).await });
            call.await.unwrap().unwrap();
        }
        let bound = most.max(connections);
        let expected = (runtime.workers().len() * connections).min(bound);
        eventually(LONG, "every connection is made", async || {
            door.made() - made == expected
        })
        .await;
        drop(client);
        eventually(LONG, "a dropped consumer's connections end", async || {
            door.open() == 0
        })
        .await;
        assert_eq!(door.made() - made, expected, "and no other is made");
    }
}

#[tokio::test]
async fn idle_connections_end_and_the_next_call_makes_them_anew() {
    const IDLE: Duration = Duration::from_millis(400);
    let behaviours = [Behaviour::default(), Behaviour::default()];
    let servings = [serve(&behaviours[0]).await, serve(&behaviours[1]).await];
    let doors = [
        Door::before(&servings[0]).await,
        Door::before(&servings[1]).await,
    ];
    let options = ConsumerOptions::default().idle_timeout(IDLE).retries(0);
    let addresses = format!("{}, {}", doors[0].address, doors[1].address);
    let client = direct(&addresses, &Workers::here(), options);
    for round in 1..4 {
        eventually(LONG, "both are called", async || {
            let before = behaviours.each_ref().map(Behaviour::calls);
            for _ in 0..20 {
                greet(&client).await.unwrap();
            }
            let after = behaviours.each_ref().map(Behaviour::calls);
            (0..2).all(|each| after[each] > before[each])
        })
        .await;
        eventually(LONG, "no connection is left", async || {
            doors.iter().all(|door| door.open() == 0)
        })
        .await;
        for door in &doors {
            assert!(
                door.made() <= round,
                "one connection for each time of calls"
            );
        }
    }
}

#[tokio::test]
async fn a_connection_with_a_call_on_it_is_not_idle() {
    let behaviour = Behaviour::taking(Duration::from_secs(2));
    let serving = serve(&behaviour).await;
    let options = ConsumerOptions::default()
        .idle_timeout(Duration::from_millis(100))
        .retries(0);
    let address = serving.address().to_string();
    let client = direct(&address, &Workers::here(), options);
    greet(&client).await.unwrap();
    assert_eq!(behaviour.calls(), 1);
}

#[tokio::test]
async fn several_addresses_and_names_are_called_without_a_registry() {
    let behaviours = [Behaviour::default(), Behaviour::default()];
    let servings = [serve(&behaviours[0]).await, serve(&behaviours[1]).await];
    let ports = servings.each_ref().map(|serving| serving.address().port());
    let addresses = format!("127.0.0.1:{},localhost:{}", ports[0], ports[1]);
    let client = direct(&addresses, &Workers::here(), ConsumerOptions::default());
    eventually(LONG, "both are called", async || {
        greet(&client).await.unwrap();
        behaviours.iter().all(|behaviour| behaviour.calls() > 0)
    })
    .await;
}

#[tokio::test]
async fn consumers_of_many_call_a_part_of_them_each_and_all_of_them_together() {
    const PROVIDERS: usize = 60;
    const SUBSET: usize = 12;
    let registry = MemoryRegistry::new();
    let behaviours: Vec<_> = (0..PROVIDERS).map(|_| Behaviour::default()).collect();
    let mut servings = Vec::new();
    for behaviour in &behaviours {
        servings.push(Some(listed(&registry, behaviour).await));
    }
    let options = ConsumerOptions::default()
        .subset(SUBSET)
        .balance(LoadBalance::RoundRobin);
    // Those that are called at all, in so many calls.
    let called = async |client: &Client| -> BTreeSet<usize> {
        let before: Vec<_> = behaviours.iter().map(Behaviour::calls).collect();
        for _ in 0..2 * SUBSET {
            greet(client).await.unwrap();
        }
        (0..PROVIDERS)
            .filter(|index| behaviours[*index].calls() > before[*index])
            .collect()
    };
    let clients: Vec<_> = (0..PROVIDERS)
        .map(|_| client(&registry, options.clone()))
        .collect();
    let mut together = BTreeSet::new();
    for client in &clients {
        let part = eventually(LONG, "a whole subset is connected", async || {
            let part = called(client).await;
            if part.len() == SUBSET {
                Ok(part)
            } else {
                Err(format!("{}", part.len()))
            }
        })
        .await;
        together.extend(part);
    }
    assert_eq!(together.len(), PROVIDERS, "none is left out");

    let client = &clients[0];
    let before = called(client).await;
    let lost: Vec<_> = before.iter().copied().take(SUBSET / 2).collect();
    for provider in &lost {
        drop(servings[*provider].take());
    }
    let after = eventually(LONG, "others are in their place", async || {
        let part = called(client).await;
        if part.len() == SUBSET {
            Ok(part)
        } else {
            Err(format!("{}", part.len()))
        }
    })
    .await;
    assert!(lost.iter().all(|provider| !after.contains(provider)));
    assert!(before.iter().all(|p| lost.contains(p) || after.contains(p)));
    // A short list is used whole.
    let short = MemoryRegistry::new();
    let few: Vec<_> = (0..2 * SUBSET).map(|_| Behaviour::default()).collect();
    let mut kept = Vec::new();
    for behaviour in &few {
        kept.push(listed(&short, behaviour).await);
    }
    let client = self::client(&short, options);
    eventually(LONG, "all of a short list are called", async || {
        greet(&client).await.unwrap();
        few.iter().all(|behaviour| behaviour.calls() > 0)
    })
    .await;
}

#[tokio::test]
async fn consumers_are_numbered_one_after_the_other() {
    let registry = MemoryRegistry::new();
    for expected in 0..3 {
        assert_eq!(registry.number(&reference()).await, Some(expected));
    }
}
