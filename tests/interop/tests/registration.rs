//! What a dubbo-go provider writes into ZooKeeper, as our registry reads it.

use std::sync::Arc;

use dubbo_registry::{Reference, Registry, ZooKeeperConfig, ZooKeeperRegistry};
use interop::{Language, Provider};
use test_servers::{LONG, ZooKeeper, eventually};

#[tokio::test]
async fn our_registry_lists_a_dubbo_go_provider_while_it_is_there() {
    let zookeeper = ZooKeeper::start().await;
    let config = ZooKeeperConfig::new(zookeeper.address());
    let registry =
        ZooKeeperRegistry::connect(config, Arc::new(()), Arc::new(())).expect("a good address");
    // Before there is anything to find.
    let subscription = registry.subscribe(Reference::new("greet.GreetService").expect("a name"));

    let mut provider = Provider::start(Language::Go, &zookeeper.address(), &[]);
    let found = eventually(LONG, "the provider in our list", async || {
        subscription.providers().first().cloned()
    })
    .await;
    assert_eq!(found.address(), format!("127.0.0.1:{}", provider.port()));
    assert_eq!(found.application, "go-provider");
    assert_eq!((found.group.as_str(), found.version.as_str()), ("", ""));
    assert!(found.listed);

    provider.leave().await;
    eventually(LONG, "no listed provider", async || {
        let providers = subscription.providers();
        if providers.iter().any(|provider| provider.listed) {
            Err(providers)
        } else {
            Ok(())
        }
    })
    .await;
    registry.close().await;
}
