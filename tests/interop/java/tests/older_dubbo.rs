//! Consumers on Dubbo 3.0, 3.1 and 3.2 find our provider by its interface, and call it over Triple.

use interop::{Language, Link, Provider, Report, older_consumer};
use test_servers::{Folder, LONG, Process, ZooKeeper};

const CALLS: u64 = 100;

/// Runs a consumer to its end.
async fn calls(release: &str, zookeeper: &str) -> Report {
    let folder = Folder::new("older-consumer");
    let mut command = older_consumer(release, zookeeper, &folder);
    command
        .arg(format!("--count={CALLS}"))
        .args(["--concurrency=2", "--application=older"])
        .current_dir(folder.path());
    let mut process = Process::spawn(&command);
    let code = process.wait(LONG).await;
    assert_eq!(code, 0, "{release}:\n{}", process.stderr());
    Report::from_peer(Language::Java, &process.stdout())
        .unwrap_or_else(|| panic!("{release} reports nothing:\n{}", process.stderr()))
}

#[tokio::test]
async fn consumers_on_older_releases_call_our_provider() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let host = link.address();
    let options = ["--error-rate=0"];
    let provider = Provider::registered_on(host, Language::Rust, &zookeeper, &options).await;
    let address = zookeeper.address();
    let (first, second, third) = tokio::join!(
        calls("3.0.15", &address),
        calls("3.1.11", &address),
        calls("3.2.16", &address)
    );
    for (release, report) in [("3.0", first), ("3.1", second), ("3.2", third)] {
        assert_eq!(
            (report.calls, report.succeeded),
            (CALLS, CALLS),
            "{release}: {report:?}"
        );
    }
    let counts = provider.counts().await.unwrap();
    assert_eq!(counts.total, 3 * CALLS, "no call is made twice");
}
