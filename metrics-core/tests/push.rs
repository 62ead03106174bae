//! The pusher against a real Pushgateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use metrics_core::{Application, AtStop, Config, Metrics, Pusher};
use parking_lot::Mutex;
use pushgateway::{Access, Gateway, GroupingKey};
use test_servers::{LONG, Pushgateway, TcpProxy, eventually};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

struct Running {
    metrics: Metrics,
    shutdown: oneshot::Sender<AtStop>,
    at_stop: AtStop,
    task: JoinHandle<()>,
}

fn start(address: &str, instance: &str, interval: Duration, at_stop: AtStop) -> Running {
    let application = Application::default().name("shop");
    let metrics = Metrics::new(Config::default().application(application)).expect("legal");
    let mut access = Access::new(address.parse().expect("an address"));
    access.timeout = Duration::from_secs(2);
    let gateway = Gateway::new(&access).expect("no TLS to set up");
    let key = GroupingKey::new("jobs/night").with("instance", instance);
    let (shutdown, stopped) = oneshot::channel();
    let stopped = async { stopped.await.expect("the test stops it") };
    let pusher = Pusher::new(&metrics, gateway, key, interval);
    Running {
        metrics,
        task: tokio::spawn(pusher.run(stopped)),
        shutdown,
        at_stop,
    }
}

fn pushes(metrics: &Metrics, result: &str) -> u64 {
    let text = metrics.text();
    let line = text
        .lines()
        .find(|line| line.starts_with("dubbo_push_requests_total") && line.contains(result));
    line.and_then(|line| line.rsplit(' ').next())
        .expect("the pusher's own counters")
        .parse()
        .expect("a count")
}

impl Running {
    fn pushes(&self, result: &str) -> u64 {
        pushes(&self.metrics, result)
    }

    async fn stop(self) {
        self.shutdown.send(self.at_stop).expect("it runs");
        self.task.await.expect("the pusher ends by itself");
    }
}

async fn instances(gateway: &Pushgateway) -> Vec<String> {
    let mut instances: Vec<_> = gateway
        .groups()
        .await
        .iter()
        .map(|group| group["instance"].clone())
        .collect();
    instances.sort();
    instances
}

#[tokio::test]
async fn the_first_push_does_not_wait_and_the_stop_deletes_only_the_own_group() {
    let gateway = Pushgateway::start().await;
    let long = Duration::from_secs(3600);
    let (one, two) = (
        start(&gateway.url(), "one:1", long, AtStop::Delete),
        start(&gateway.url(), "two:2", long, AtStop::Delete),
    );
    eventually(LONG, "both groups are there", async || {
        (instances(&gateway).await == ["one:1", "two:2"]).then_some(())
    })
    .await;
    assert!(
        !gateway
            .samples()
            .await
            .iter()
            .any(|sample| sample.name() == "dubbo_push_final"),
        "a process that lives on"
    );
    // The gateway counts a request after its answer, and makes a deletion after it has accepted it.
    let has = async |puts: u64, groups: &[&str]| {
        eventually(LONG, "pushes and groups", async || {
            let found = (
                gateway.requests("put", 200).await,
                instances(&gateway).await,
            );
            if found.0 == puts && found.1 == groups {
                Ok(())
            } else {
                Err(found)
            }
        })
        .await;
    };
    has(2, &["one:1", "two:2"]).await;
    one.stop().await;
    // The stop pushes once more.
    has(3, &["two:2"]).await;
    two.stop().await;
    has(4, &[]).await;
}

#[tokio::test]
async fn a_group_that_is_to_stay_holds_the_last_figures() {
    let gateway = Pushgateway::start().await;
    let pusher = start(
        &gateway.url(),
        "one:1",
        Duration::from_secs(3600),
        AtStop::Keep,
    );
    eventually(LONG, "the first push is there", async || {
        gateway.groups().await.len() == 1
    })
    .await;
    pusher.metrics.discovery().malformed();
    pusher.metrics.discovery().connected(true);
    pusher.stop().await;
    let samples = gateway.samples().await;
    let value = |name: &str| {
        samples
            .iter()
            .find(|sample| sample.name() == name)
            .map(|sample| sample.value)
    };
    assert_eq!(
        value("dubbo_registry_malformed_nodes_total"),
        Some(1.0),
        "what happened before the stop is pushed"
    );
    assert_eq!(
        value("dubbo_push_final"),
        Some(1.0),
        "and marked as the last"
    );
    assert!(
        value("job_pushed_at_seconds").is_some_and(|seconds| seconds > 1.7e9),
        "the moment of the payload"
    );
}

/// Serves a gateway that refuses every push but the first one as often as it is told; returns its URL, and the bodies that it took.
async fn refusing(times: usize) -> (String, Arc<Mutex<Vec<String>>>) {
    let taken: Arc<Mutex<Vec<String>>> = Arc::default();
    let (bodies, refusals) = (Arc::clone(&taken), Arc::new(AtomicUsize::new(times)));
    let put = async move |body: String| {
        let mut bodies = bodies.lock();
        let refuse = |left: usize| left.checked_sub(1);
        if !bodies.is_empty() && refusals.fetch_update(SeqCst, SeqCst, refuse).is_ok() {
            return axum::http::StatusCode::SERVICE_UNAVAILABLE;
        }
        bodies.push(body);
        axum::http::StatusCode::OK
    };
    let router = axum::Router::new().route("/metrics/{*key}", axum::routing::put(put));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async { axum::serve(listener, router).await });
    (format!("http://{address}"), taken)
}

#[tokio::test]
async fn the_last_figures_are_pushed_again_to_a_gateway_that_was_away_for_a_moment() {
    let hour = Duration::from_secs(3600);
    let (address, taken) = refusing(2).await;
    let pusher = start(&address, "one:1", hour, AtStop::Keep);
    eventually(LONG, "the first push is there", async || {
        pusher.pushes("success") == 1
    })
    .await;
    pusher.stop().await;
    let taken = taken.lock();
    assert_eq!(taken.len(), 2);
    assert!(taken[1].contains("\ndubbo_push_final"), "{}", taken[1]);
}

#[tokio::test]
async fn a_gateway_that_never_took_a_push_does_not_hold_the_end_up() {
    let pusher = start("http://127.0.0.1:1", "one:1", Duration::MAX, AtStop::Keep);
    eventually(LONG, "a push failed", async || {
        pusher.pushes("failure") >= 1
    })
    .await;
    let metrics = pusher.metrics.clone();
    let failed = pusher.pushes("failure");
    pusher.stop().await;
    // The last push, and perhaps a regular one before it; three more would be repeated ones.
    assert!(pushes(&metrics, "failure") < failed + 4);
}

/// A gateway that answers deletions and, while it hangs, no push; what was pushed meanwhile it takes in after the next deletion.
#[derive(Clone, Default)]
struct Hanging {
    hangs: Arc<AtomicBool>,
    deleted: Arc<Notify>,
    group: Arc<AtomicBool>,
    deletions: Arc<AtomicUsize>,
}

impl Hanging {
    async fn serve(self) -> String {
        let (pushed, removed) = (self.clone(), self);
        let put = async move |_: Bytes| {
            if pushed.hangs.load(SeqCst) {
                // A task of its own takes the push in late: the caller has gone away by then.
                let late = pushed.clone();
                tokio::spawn(async move {
                    late.deleted.notified().await;
                    late.group.store(true, SeqCst);
                });
                std::future::pending::<()>().await;
            }
            pushed.group.store(true, SeqCst);
        };
        let delete = async move || {
            removed.group.store(false, SeqCst);
            removed.deletions.fetch_add(1, SeqCst);
            removed.deleted.notify_waiters();
        };
        let router =
            axum::Router::new().route("/metrics/{*key}", axum::routing::put(put).delete(delete));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

#[tokio::test]
async fn a_push_that_a_hung_gateway_takes_in_after_the_deletion_is_deleted_too() {
    let gateway = Hanging::default();
    let address = gateway.clone().serve().await;
    let pusher = start(
        &address,
        "one:1",
        Duration::from_millis(100),
        AtStop::Delete,
    );
    eventually(LONG, "a push succeeded", async || {
        pusher.pushes("success") >= 1
    })
    .await;
    gateway.hangs.store(true, SeqCst);
    eventually(LONG, "a push had no answer", async || {
        pusher.pushes("failure") >= 1
    })
    .await;
    pusher.stop().await;
    assert!(!gateway.group.load(SeqCst), "the group is gone");
    assert_eq!(gateway.deletions.load(SeqCst), 2, "by the last look");
}

#[tokio::test]
async fn pushes_are_repeated_and_counted() {
    let gateway = Pushgateway::start().await;
    let pusher = start(
        &gateway.url(),
        "one:1",
        Duration::from_millis(100),
        AtStop::Delete,
    );
    eventually(LONG, "three pushes succeeded", async || {
        pusher.pushes("success") >= 3
    })
    .await;
    assert_eq!(pusher.pushes("failure"), 0);
    pusher.stop().await;
}

#[tokio::test]
async fn a_gateway_that_is_away_costs_failures_and_is_found_again() {
    let gateway = Pushgateway::start().await;
    let proxy = TcpProxy::start(gateway.address()).await;
    proxy.cut();
    let pusher = start(
        &format!("http://{}", proxy.address()),
        "one:1",
        Duration::from_millis(100),
        AtStop::Delete,
    );
    eventually(LONG, "pushes fail", async || pusher.pushes("failure") >= 2).await;
    proxy.restore();
    eventually(LONG, "pushes work again", async || {
        pusher.pushes("success") >= 1
    })
    .await;
    pusher.stop().await;
    assert_eq!(instances(&gateway).await, [""; 0]);
}
