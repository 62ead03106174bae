//! 200 rounds of one cleaner on a gateway that is restarted, hidden behind a page, and whose clock is set: no living group may be deleted.
//!
//! Time is tokio's paused clock, so that it passes as the rounds say, whatever the machine is busy with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode, header};
use fastrand::Rng;
use parking_lot::Mutex;
use pushgateway::GroupingKey;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::cleaner;

const ROUNDS: u64 = 200;
const SEEDS: u64 = 5;
const TTL: u64 = 60;
const PUSH_INTERVAL: u64 = 10;
/// The longest time between two passes, in which pushes may fail unseen: with those before and after it is less than a TTL.
const LONGEST_PAUSE: u64 = TTL - 2 * PUSH_INTERVAL;
const LIVING: u64 = 3;

/// A gateway as its API shows it; times are in seconds since 1970.
struct Gateway {
    begun: Instant,
    /// What its clock shows beyond the true time.
    ahead: u64,
    started: u64,
    /// A proxy answers with a page in its place.
    hidden: bool,
    /// The last push of each group, by the path of its key, with its labels.
    groups: BTreeMap<String, (BTreeMap<String, String>, u64)>,
    persisted: BTreeMap<String, (BTreeMap<String, String>, u64)>,
    deleted: Vec<String>,
}

type Shared = Arc<Mutex<Gateway>>;

impl Gateway {
    fn new() -> Self {
        let mut gateway = Self {
            begun: Instant::now(),
            ahead: 1_700_000_000,
            started: 0,
            hidden: false,
            groups: BTreeMap::new(),
            persisted: BTreeMap::new(),
            deleted: Vec::new(),
        };
        gateway.started = gateway.clock();
        gateway
    }

    fn clock(&self) -> u64 {
        self.begun.elapsed().as_secs() + self.ahead
    }

    fn push(&mut self, key: &GroupingKey) {
        let labels = key
            .labels()
            .map(|(label, value)| (label.to_owned(), value.to_owned()));
        let group = (labels.collect(), self.clock());
        self.groups.insert(key.path(), group);
    }

    fn restart(&mut self) {
        self.groups = self.persisted.clone();
        self.started = self.clock();
    }

    fn answer(&mut self, method: &Method, path: &str) -> (StatusCode, String) {
        let utc = |at: u64| {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
            humantime::format_rfc3339_seconds(at).to_string()
        };
        if self.hidden {
            (StatusCode::OK, "<html>Back soon</html>".to_owned())
        } else if path == "/api/v1/status" {
            let data = json!({"start_time": utc(self.started)});
            (
                StatusCode::OK,
                json!({"status": "success", "data": data}).to_string(),
            )
        } else if path == "/api/v1/metrics" {
            let group = |(labels, at): &(BTreeMap<String, String>, u64)| {
                let sample = json!({"labels": labels, "value": at.to_string()});
                json!({"labels": labels, "push_time_seconds": {"metrics": [sample]}})
            };
            let data: Vec<_> = self.groups.values().map(group).collect();
            (
                StatusCode::OK,
                json!({"status": "success", "data": data}).to_string(),
            )
        } else {
            assert_eq!(method, Method::DELETE, "{path}");
            let key = path.to_owned();
            self.groups.remove(&key);
            self.deleted.push(key);
            (StatusCode::ACCEPTED, String::new())
        }
    }
}

async fn serve(State(gateway): State<Shared>, request: Request) -> Response<Body> {
    let mut gateway = gateway.lock();
    let (status, body) = gateway.answer(request.method(), request.uri().path());
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(gateway.clock());
    Response::builder()
        .status(status)
        .header(header::DATE, httpdate::fmt_http_date(date))
        .body(Body::from(body))
        .expect("a date is a header")
}

/// What the rounds added up to.
#[derive(Debug, Default)]
struct Tally {
    judged: u32,
    failed: u32,
    restarts: u32,
    steps: u32,
    dead: u32,
    gone: u32,
}

#[tokio::test(start_paused = true)]
async fn no_living_group_is_deleted_whatever_becomes_of_the_gateway_and_its_clock() {
    // As long as a thread is blocked, time passes only where the rounds let it.
    let (release, blocked) = oneshot::channel::<()>();
    let blocking = tokio::task::spawn_blocking(move || blocked.blocking_recv());
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        rounds(seed, &mut tally).await;
    }
    drop(release);
    let _ = blocking.await;
    assert!(tally.restarts > 40 && tally.steps > 40, "{tally:?}");
    assert!(tally.judged > 500 && tally.failed > 40, "{tally:?}");
    assert!(tally.dead > 100, "{tally:?}");
    assert!(tally.gone > tally.dead / 2, "{tally:?}");
}

async fn rounds(seed: u64, tally: &mut Tally) {
    let gateway: Shared = Arc::new(Mutex::new(Gateway::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let router = Router::new()
        .fallback(serve)
        .with_state(Arc::clone(&gateway));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut cleaner = cleaner(&url, Duration::from_secs(TTL), &["dubbo_"]);
    let mut rng = Rng::with_seed(seed);
    let key = |name: &str, number| {
        GroupingKey::new("dubbo_server").with("instance", format!("{name}:{number}"))
    };
    let living: Vec<_> = (0..LIVING).map(|number| key("living", number)).collect();
    living.iter().for_each(|key| gateway.lock().push(key));
    // Before its first reading a cleaner knows nothing of steps: what it promises begins there.
    let report = cleaner.pass(&CancellationToken::new()).await;
    assert!(report.error.is_none(), "{:?}", report.error);

    for round in 0..ROUNDS {
        // What happens lies anywhere between two passes, and may take longer than that.
        let pause = rng.u64(1..LONGEST_PAUSE);
        let event = (rng.u64(0..pause), rng.u32(0..12));
        for second in 0..pause {
            tokio::time::advance(Duration::from_secs(1)).await;
            let mut gateway = gateway.lock();
            if event.0 == second {
                match event.1 {
                    0 => {
                        gateway.restart();
                        tally.restarts += 1;
                    }
                    1 => gateway.ahead += rng.u64(6..100_000),
                    2 => gateway.ahead -= rng.u64(6..100_000),
                    3 => gateway.hidden = true,
                    4 | 5 | 8 | 10 => gateway.hidden = false,
                    6 | 9 => {
                        gateway.push(&key("dead", round));
                        tally.dead += 1;
                    }
                    7 => gateway.persisted = gateway.groups.clone(),
                    _ => {}
                }
            }
            if !gateway.hidden
                && gateway
                    .begun
                    .elapsed()
                    .as_secs()
                    .is_multiple_of(PUSH_INTERVAL)
            {
                living.iter().for_each(|key| gateway.push(key));
            }
        }
        tally.steps += u32::from([1, 2].contains(&event.1));
        let report = cleaner.pass(&CancellationToken::new()).await;
        match report.error {
            None => tally.judged += 1,
            Some(_) => tally.failed += 1,
        }
        let deleted = std::mem::take(&mut gateway.lock().deleted);
        for key in &living {
            assert!(
                !deleted.contains(&key.path()),
                "{key}: seed {seed}, round {round}"
            );
        }
        tally.gone += u32::try_from(deleted.len()).expect("a few");
    }
    server.abort();
}
