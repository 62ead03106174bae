//! Dubbo for Java lists our consumer where it lists its own.

use std::time::Duration;

use interop::{Consumer, Language, Link, Load, Provider, operator};
use test_servers::{Folder, LONG, Process, ZooKeeper, eventually};

const LOAD: Load = Load {
    concurrency: 1,
    interval: Duration::from_millis(50),
    count: None,
};

/// Returns application and host of each consumer, as Dubbo Admin asks for them.
async fn listed(zookeeper: &ZooKeeper) -> Vec<String> {
    let folder = Folder::new("operator");
    let mut command = operator(&zookeeper.address(), &folder);
    command.arg("--rule=consumers");
    let mut process = Process::spawn(&command);
    assert_eq!(process.wait(LONG).await, 0, "{}", process.stderr());
    let mut listed: Vec<_> = process.stdout().lines().map(str::to_owned).collect();
    listed.sort_unstable();
    listed
}

#[tokio::test]
async fn java_lists_our_consumer_beside_its_own() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let host = link.address();
    let provider = Provider::registered_on(host, Language::Rust, &zookeeper, &[]).await;
    let address = zookeeper.address();
    let advertised = format!("--advertise-ip={host}");
    let ours = Consumer::start_with(Language::Rust, &address, LOAD, &[&advertised]).await;
    let javas = Consumer::start(Language::Java, &address, LOAD).await;
    provider.wait_called(1).await;
    javas.wait_calls(1).await;
    let expected = format!("dubbo-rust-client {host}");
    eventually(LONG, "both are listed", async || {
        let found = listed(&zookeeper).await;
        let has_java = found.iter().any(|line| line.starts_with("java-consumer "));
        if has_java && found.contains(&expected) && found.len() == 2 {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
    ours.end().await;
    javas.end().await;
    assert_eq!(listed(&zookeeper).await, [""; 0], "both have left");
}
