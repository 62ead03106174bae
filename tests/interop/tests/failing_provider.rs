//! One of two providers dies, or hangs, without a word.

use std::time::Duration;

use interop::{Consumer, Language, Load, Provider};
use test_servers::{Ephemerals, ZooKeeper};
use tokio::time::sleep;

const CALLERS: u32 = 8;

const LOAD: Load = Load {
    concurrency: CALLERS,
    interval: Duration::from_millis(5),
    count: None,
};

/// Longer than a session, and than several attempts.
const STOPPED: Duration = Duration::from_secs(12);

#[tokio::test]
async fn a_killed_provider_costs_our_consumer_no_call() {
    let zookeeper = ZooKeeper::start().await;
    // The registry lists the dead one to the end of this test: its connection has to tell.
    let long_session = &["--zk-session-timeout=60s"];
    let mut dying = Provider::registered(Language::Rust, &zookeeper, long_session).await;
    let mut living = Provider::registered(Language::Go, &zookeeper, &[]).await;
    let consumer = Consumer::start(Language::Rust, &zookeeper.address(), LOAD).await;
    dying.wait_called(100).await;

    dying.process().kill();
    consumer.wait_calls(1000).await;
    let failed = consumer.failed_attempts().await;
    assert!(
        failed <= u64::from(CALLERS),
        "only the calls in flight should have been tried again: {failed} attempts failed"
    );
    let ephemerals = Ephemerals::of(&zookeeper).await.unwrap();
    assert!(ephemerals.instances().contains(dying.node().as_str()));

    // The other way round, and with the successor of the first.
    dying.start_again();
    dying.wait_registered(&zookeeper).await;
    dying.wait_called(100).await;
    living.process().kill();
    consumer.wait_calls(1000).await;

    let (report, _) = consumer.end().await;
    assert_eq!(report.lost(), 0, "{report:?}");
}

#[tokio::test]
async fn a_hanging_provider_costs_our_consumer_no_call_and_is_avoided() {
    let zookeeper = ZooKeeper::start().await;
    let mut hanging = Provider::registered(Language::Rust, &zookeeper, &[]).await;
    let _other = Provider::registered(Language::Go, &zookeeper, &[]).await;
    let consumer = Consumer::start(Language::Rust, &zookeeper.address(), LOAD).await;
    hanging.wait_called(100).await;

    let before = consumer.counts().await.unwrap().total;
    hanging.process().stop_process();
    sleep(STOPPED).await;
    hanging.process().continue_process();
    hanging.wait_registered(&zookeeper).await;
    hanging.wait_called(100).await;

    let failed = consumer.failed_attempts().await;
    let (report, counts) = consumer.end().await;
    assert_eq!(report.lost(), 0, "{report:?}");
    let calls = counts.total - before;
    assert!(
        failed * 20 < calls,
        "after the first timeouts calls should avoid it: {failed} attempts failed in {calls} calls"
    );
}

#[tokio::test]
async fn our_providers_that_die_or_hang_cost_a_dubbo_go_consumer_no_call() {
    let zookeeper = ZooKeeper::start().await;
    let mut dying = Provider::registered(Language::Rust, &zookeeper, &[]).await;
    let mut hanging = Provider::registered(Language::Rust, &zookeeper, &[]).await;
    let consumer = Consumer::start(Language::Go, &zookeeper.address(), LOAD).await;
    dying.wait_called(100).await;

    dying.process().kill();
    consumer.wait_calls(1000).await;
    dying.start_again();
    dying.wait_registered(&zookeeper).await;
    dying.wait_called(100).await;

    hanging.process().stop_process();
    sleep(STOPPED).await;
    hanging.process().continue_process();
    hanging.wait_registered(&zookeeper).await;
    hanging.wait_called(100).await;

    let (report, _) = consumer.end().await;
    assert_eq!(report.lost(), 0, "{report:?}");
}
