//! Credentials stay out of the logs. A program of its own, since its log is that of the whole process.

use std::sync::Arc;

use dubbo_registry::{Registration, Registry, ServiceInfo, ZooKeeperConfig, ZooKeeperRegistry};
use parking_lot::Mutex;
use test_servers::{LONG, ZooKeeper, eventually};

/// A log that keeps everything.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn credentials_are_in_no_log_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let mut zookeeper = ZooKeeper::start().await;
    for auth in ["digest:dubbo:very-secret", "nonsense:very-secret"] {
        let config = ZooKeeperConfig::new(zookeeper.address()).auth(auth.parse().unwrap());
        let registry = ZooKeeperRegistry::connect(config, Arc::new(()), Arc::new(())).unwrap();
        let service = ServiceInfo {
            interface: "a.A".into(),
            ..ServiceInfo::default()
        };
        let registration = Registration::new("my-app", "127.0.0.1", 20000, vec![service]).unwrap();
        let announcement = registry.register(registration);
        eventually(LONG, "it was tried", async || {
            announcement.is_announced() || announcement.failure().is_some()
        })
        .await;
        zookeeper.restart().await;
        registry.close().await;
        assert!(!format!("{registry:?} {announcement:?}").contains("very-secret"));
    }
    let text = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(
        text.contains("session with ZooKeeper established"),
        "something was logged: {text}"
    );
    assert!(
        text.contains("zookeeper_client"),
        "the client's own messages are among it: {text}"
    );
    assert!(!text.contains("very-secret"), "{text}");
}
