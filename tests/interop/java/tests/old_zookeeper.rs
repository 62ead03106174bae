//! ZooKeeper 3.4, which knows neither `create2` nor how to take a watch back.

use std::time::Duration;

use interop::{Consumer, Language, Load, Provider};
use test_servers::{Ephemerals, LONG, ZooKeeper, ZooKeeperSettings, eventually};

const LOAD: Load = Load {
    concurrency: 2,
    interval: Duration::from_millis(2),
    count: None,
};

async fn start() -> ZooKeeper {
    let settings = ZooKeeperSettings {
        jars: interop_java::zookeeper("3.4"),
        ..ZooKeeperSettings::default()
    };
    let zookeeper = ZooKeeper::start_with(settings).await;
    let version = zookeeper.ask("srvr").await.expect("it answers");
    assert!(version.contains("version: 3.4."), "{version}");
    zookeeper
}

#[tokio::test]
async fn calls_survive_a_killed_provider_and_a_restart_of_the_server() {
    let mut zookeeper = start().await;
    let mut first = Provider::registered(Language::Rust, &zookeeper, &["--error-rate=0"]).await;
    let mut second = Provider::registered(Language::Rust, &zookeeper, &["--error-rate=0"]).await;
    let consumer = Consumer::start(Language::Rust, &zookeeper.address(), LOAD).await;
    first.wait_called(100).await;
    // Its successor finds the node of a session that still lives.
    first.process().kill();
    first.start_again();
    first.wait_registered(&zookeeper).await;
    first.wait_called(100).await;
    second.leave().await;
    zookeeper.restart().await;
    first.wait_registered(&zookeeper).await;
    first.wait_called(100).await;
    second.start_again();
    second.wait_registered(&zookeeper).await;
    second.wait_called(100).await;
    let (report, _) = consumer.end().await;
    assert_eq!(report.lost(), 0, "{report:?}");
    first.leave().await;
    second.leave().await;
    eventually(LONG, "nothing is left", async || {
        let left = Ephemerals::of(&zookeeper).await?;
        if left.instances().is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
    let log = zookeeper.log();
    // Each process asks once what its server knows, and again in each session.
    assert!(log.matches("of unknown type").count() < 12, "{log}");
}

#[tokio::test]
async fn a_chroot_that_is_not_there_is_made() {
    let zookeeper = start().await;
    let address = format!("{}/apps/dev", zookeeper.address());
    let provider = Provider::start(Language::Rust, &address, &["--error-rate=0"]);
    let load = Load {
        count: Some(100),
        ..LOAD
    };
    let consumer = Consumer::start(Language::Rust, &address, load).await;
    let (report, _) = consumer.end().await;
    assert_eq!((report.calls, report.lost()), (100, 0), "{report:?}");
    let held = Ephemerals::of(&zookeeper).await.unwrap();
    let node = format!("/apps/dev{}", provider.node());
    assert!(held.is_held(&node), "{held:?}");
}
