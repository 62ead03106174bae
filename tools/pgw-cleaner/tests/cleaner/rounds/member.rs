//! One group with its pusher, and what is certain about it.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use pushgateway::{Gateway, GroupingKey};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Between two pushes of a living pusher.
const PUSH_INTERVAL: Duration = Duration::from_millis(500);

/// Values that tempt a careless reader or writer.
const VALUES: [&str; 10] = [
    "", "a/b", "my job", "ü", "a%2Fb", "x@base64", "..", "\"}\n", "host:1", "日本",
];

/// Bodies that tempt a careless reader; types agree, as the gateway asks of all groups together.
const BODIES: [&str; 9] = [
    "dubbo_push_final 1\n",
    "dubbo_provider_qps_total 1.5\n",
    "goroutines 12\nstart_time_seconds 0\n",
    "nothing NaN\ninfinite +Inf\nnegative -1e300\n",
    "# TYPE took_seconds histogram\ntook_seconds_bucket{le=\"+Inf\"} 3\ntook_seconds_sum 4\ntook_seconds_count 3\n",
    "job_pushed_at_seconds 0\n",
    "job_pushed_at_seconds 9e9\n",
    "labels 1\nlast_push_successful 0\n",
    "push_time_seconds 1\n# TYPE push_failure_time_seconds gauge\npush_failure_time_seconds 9e9\n",
];

/// A group and its pusher.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) key: GroupingKey,
    /// When each push began and ended; the gateway's time of it lies between.
    pushes: Arc<Mutex<Vec<(Instant, Instant)>>>,
    stop: CancellationToken,
    pusher: Option<JoinHandle<()>>,
    /// The end of the latest pass that deleted the group; on a machine that stalls that happens to the living.
    deleted: Option<Instant>,
}

impl Member {
    /// Makes a member whose pusher starts at once; its job begins with the prefix and is unique by the serial number.
    pub(crate) fn start(gateway: Gateway, prefix: &str, serial: usize, rng: &mut Rng) -> Self {
        let mut key = GroupingKey::new(format!(
            "{prefix}{serial} {}",
            rng.choice(VALUES).unwrap_or_default()
        ));
        for label in ["instance", "zone", "rack_1"] {
            if rng.bool() {
                key = key.with(label, rng.choice(VALUES).unwrap_or_default());
            }
        }
        let body = rng.choice(BODIES).unwrap_or_default();
        let (pushes, stop) = (Arc::default(), CancellationToken::new());
        let pusher = tokio::spawn(push(
            gateway,
            key.clone(),
            body,
            Arc::clone(&pushes),
            stop.clone(),
        ));
        Self {
            key,
            pushes,
            stop,
            pusher: Some(pusher),
            deleted: None,
        }
    }

    /// Stops the pusher after the push that it is making.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(pusher) = self.pusher.take() {
            pusher
                .await
                .expect("a push that fails is the test's failure");
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.pusher.is_none()
    }

    /// Returns when the last push ended; a member that has stopped has made one at least.
    pub(crate) fn last_push(&self) -> Option<Instant> {
        self.pushes.lock().last().map(|(_, ended)| *ended)
    }

    /// Notes that a pass that ended now deleted the group.
    pub(crate) fn was_deleted(&mut self, now: Instant) {
        self.deleted = Some(now);
    }

    /// Says whether the last push surely came after the latest deletion, and made the group again.
    pub(crate) fn was_there_at_its_end(&self) -> bool {
        let last_began = self.pushes.lock().last().map(|(began, _)| *began);
        last_began > self.deleted
    }

    /// Says whether there was, at every moment of a period, a push that had ended by then and was not older than the TTL.
    pub(crate) fn lived_throughout(&self, from: Instant, to: Instant, ttl: Duration) -> bool {
        let pushes = self.pushes.lock();
        let Some(first) = pushes.iter().rposition(|(_, ended)| *ended <= from) else {
            return false;
        };
        let began = pushes[first..].iter().map(|(began, _)| *began);
        let until = pushes[first + 1..]
            .iter()
            .map(|(_, ended)| *ended)
            .chain([to]);
        began
            .zip(until)
            .all(|(began, until)| until.min(to).saturating_duration_since(began) <= ttl)
    }
}

async fn push(
    gateway: Gateway,
    key: GroupingKey,
    body: &'static str,
    pushes: Arc<Mutex<Vec<(Instant, Instant)>>>,
    stop: CancellationToken,
) {
    loop {
        let began = Instant::now();
        gateway
            .put(&key, body)
            .await
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        pushes.lock().push((began, Instant::now()));
        if stop
            .run_until_cancelled(sleep(PUSH_INTERVAL))
            .await
            .is_none()
        {
            return;
        }
    }
}
