//! The node of a consumer, which Dubbo Admin lists, on a real ZooKeeper.

use dubbo_registry::{Auth, NodeAccess, Reference, Registry, ZooKeeperConfig};
use test_servers::{LONG, ZooKeeper, eventually};
use tokio::time::timeout;
use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

use crate::{support::*, tap::Tap};

const CONSUMERS: &str = "/dubbo/greet.GreetService/consumers";

fn desk() -> Reference {
    reference().application("desk").host("10.0.0.1")
}

/// The URLs of the consumers that are listed, as they are escaped, each with its session.
async fn listed(client: &Client) -> Vec<(String, i64)> {
    let names = client.list_children(CONSUMERS).await.unwrap_or_default();
    let mut listed = Vec::new();
    for name in names {
        if let Some((data, owner)) = node(client, &format!("{CONSUMERS}/{name}")).await {
            assert_eq!(data, "", "Dubbo writes no data");
            listed.push((name, owner));
        }
    }
    listed
}

/// Waits until there are as many consumers.
async fn until_listed(client: &Client, number: usize) -> Vec<(String, i64)> {
    eventually(LONG, "as many consumers are listed", async || {
        let found = listed(client).await;
        if found.len() == number {
            Ok(found)
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
}

#[tokio::test]
async fn a_consumer_is_listed_as_long_as_its_subscription_lives() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let registry = connect(zookeeper.address());
    announce(&registry).await;
    let mut first = registry.subscribe(desk());
    let second = registry.subscribe(desk().group("blue"));
    let untold = [
        registry.subscribe(reference()),
        registry.subscribe(desk().registered(false)),
    ];
    assert_eq!(available(&mut first).await, [20000]);
    let found = until_listed(&operator, 2).await;
    for (name, owner) in &found {
        assert!(
            name.starts_with(
                "consumer%3A%2F%2F10.0.0.1%2Fgreet.GreetService%3Fapplication%3Ddesk%26"
            ),
            "{name}"
        );
        assert_ne!(*owner, 0, "{name} ends with the process");
    }
    drop(second);
    let [(name, _)] = &until_listed(&operator, 1).await[..] else {
        unreachable!("there is one");
    };
    assert!(!name.contains("group%3Dblue"), "{name}");
    operator
        .delete(&format!("{CONSUMERS}/{name}"), None)
        .await
        .unwrap();
    until_listed(&operator, 1).await;
    registry.close().await;
    assert_eq!(listed(&operator).await, [], "a clean end leaves nothing");
    drop(untold);
}

#[tokio::test]
async fn a_consumer_whose_session_has_ended_is_listed_again() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let tap = Tap::start(0, zookeeper.address()).await;
    let registry = connect(tap.address());
    let subscription = registry.subscribe(desk());
    until_listed(&operator, 1).await;
    let former = tap.end_session().await;
    eventually(LONG, "it is listed by another session", async || {
        let found = listed(&operator).await;
        matches!(&found[..], [(_, owner)] if *owner != former)
    })
    .await;
    drop(subscription);
    until_listed(&operator, 0).await;
}

#[tokio::test]
async fn the_node_of_an_authenticated_consumer_belongs_to_it() {
    let zookeeper = ZooKeeper::start().await;
    let auth: Auth = "digest:dubbo:secret".parse().unwrap();
    let config = ZooKeeperConfig::new(zookeeper.address())
        .auth(auth)
        .access(NodeAccess::Readable);
    let registry = connect_with(config, &Recorder::default());
    let _subscription = registry.subscribe(desk());
    let stranger = operator(&zookeeper).await;
    let found = until_listed(&stranger, 1).await;
    let path = format!("{CONSUMERS}/{}", found[0].0);
    let denied = Some(zookeeper_client::Error::NoAuth);
    assert_eq!(stranger.delete(&path, None).await.err(), denied);
    registry.close().await;
    assert_eq!(listed(&stranger).await, []);
}

#[tokio::test]
async fn a_consumer_that_may_not_be_listed_finds_its_providers_and_leaves_in_time() {
    let zookeeper = ZooKeeper::start().await;
    let owner = Client::connector()
        .with_auth("digest", b"owner:secret")
        .connect(&zookeeper.address())
        .await
        .unwrap();
    put_persistent(&owner, "/dubbo/greet.GreetService/providers", b"").await;
    let readers = [
        Acl::new(Permission::ALL, AuthId::authed()),
        Acl::new(Permission::READ, AuthId::anyone()),
    ];
    let options = CreateMode::Persistent.with_acls(Acls::new(&readers));
    owner.create(CONSUMERS, b"", &options).await.unwrap();
    let registry = connect(zookeeper.address());
    announce(&registry).await;
    let mut subscription = registry.subscribe(desk());
    assert_eq!(available(&mut subscription).await, [20000]);
    assert_eq!(listed(&owner).await, []);
    timeout(LONG, registry.close()).await.unwrap();
}
