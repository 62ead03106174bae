//! Java providers that keep their metadata in ZooKeeper, of several groups and versions.

use std::sync::Arc;

use dubbo_registry::{Reference, Registry, Subscription, ZooKeeperConfig, ZooKeeperRegistry};
use interop::{Language, Link, Provider};
use test_servers::{LONG, ZooKeeper, eventually};

async fn until(subscription: &Subscription, expected: &Provider) {
    eventually(LONG, "exactly the provider that is meant", async || {
        let list = subscription.providers();
        let ports: Vec<_> = list.iter().map(|provider| provider.port).collect();
        if ports == [expected.port()] {
            Ok(())
        } else {
            Err(format!("{ports:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn groups_and_versions_are_told_apart() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let start = |group: &str, version: &str| {
        let options = [
            "--metadata-type=remote",
            "--register-mode=instance",
            &format!("--group={group}"),
            &format!("--version={version}"),
        ];
        Provider::start_on(
            link.address(),
            Language::Java,
            &zookeeper.address(),
            &options,
        )
    };
    let mut blue = start("blue", "1.0.0");
    let mut green = start("green", "1.0.0");
    blue.wait_registered(&zookeeper).await;
    green.wait_registered(&zookeeper).await;
    let config = ZooKeeperConfig::new(zookeeper.address());
    // It can ask no instance: what it knows, it has read.
    let registry = ZooKeeperRegistry::connect(config, Arc::new(()), Arc::new(())).unwrap();
    let reference = Reference::new("greet.GreetService")
        .unwrap()
        .version("1.0.0");
    let of_blue = registry.subscribe(reference.clone().group("blue"));
    let of_green = registry.subscribe(reference.group("green"));
    until(&of_blue, &blue).await;
    until(&of_green, &green).await;
    let started = of_blue.providers()[0].started().expect("Java tells it");
    assert!(
        started.elapsed().is_ok_and(|age| age < 2 * LONG),
        "in milliseconds"
    );
}
