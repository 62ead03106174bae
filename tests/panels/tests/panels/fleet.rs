//! A run: three instances of a provider with twenty methods and their consumer, of which one instance begins to fail one method.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_core::{Application, Config, Endpoint, Method, MethodKey, Metrics, Outcome, Side};
use test_servers::{LONG, Prometheus, eventually};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The interface, and the method that fails.
pub(crate) const INTERFACE: &str = "shop.OrderService";
pub(crate) const FAILING: &str = "Refund";
/// The instance on which it fails.
pub(crate) const INSTANCE: &str = "orders-2:9099";

const METHODS: [&str; 20] = [
    "Create", "Confirm", "Cancel", "Refund", "Get", "List", "Search", "Count", "Ship", "Track",
    "Return", "Invoice", "Pay", "Quote", "Discount", "Tax", "Export", "Import", "Audit", "Archive",
];

/// Processes that are measured, and the Prometheus that scrapes them.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) prometheus: Prometheus,
    failing: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let mut tasks = JoinSet::new();
        let failing = Arc::new(AtomicBool::new(false));
        let consumer = metrics("till");
        let mut targets = vec![serve(&mut tasks, &consumer, "till-1:9097").await];
        for number in 1..=3 {
            let instance = format!("orders-{number}:9099");
            let provider = metrics("orders");
            targets.push(serve(&mut tasks, &provider, &instance).await);
            for (index, name) in METHODS.into_iter().enumerate() {
                let key = MethodKey::new(INTERFACE, name);
                let sides = [
                    consumer.method(Side::Consumer, &key),
                    provider.method(Side::Provider, &key),
                ];
                let fails = (name == FAILING && instance == INSTANCE).then(|| Arc::clone(&failing));
                tasks.spawn(call(sides, index, fails));
            }
        }
        let config = format!(
            "global: {{scrape_interval: 2s, evaluation_interval: 1s}}\nrule_files: [rules/*.yml]\nscrape_configs:\n- job_name: dubbo\n  metrics_path: /prometheus\n  static_configs:\n{}",
            targets.concat()
        );
        // Windows of hours and days are looked at closely enough for a run of minutes.
        let rules: Vec<_> = stack::short_rules()
            .into_iter()
            .map(|(file, rules)| {
                let close = rules
                    .replace(":300s]) * 300", ":30s]) * 30")
                    .replace(":60s]) * 60", ":10s]) * 10");
                (file, close)
            })
            .collect();
        let prometheus = Prometheus::start_with_files(&config, &rules).await;
        let fleet = Self {
            prometheus,
            failing,
            _tasks: tasks,
        };
        eventually(LONG, "calls of every instance", async || {
            let seen = fleet
                .prometheus
                .query("count(count by (instance) (dubbo:requests:rate5m > 0))")
                .await;
            seen.first().is_some_and(|instances| instances.value == 4.0)
        })
        .await;
        fleet
    }

    /// Lets the one method fail on the one instance from now on, and returns once the rules know of it.
    pub(crate) async fn fail(&self) {
        self.failing.store(true, Ordering::Relaxed);
        eventually(LONG, "failed calls", async || {
            !self
                .prometheus
                .query("dubbo:errors:rate5m{side=\"provider\"}")
                .await
                .is_empty()
        })
        .await;
    }

    /// Waits until an alert says what happens.
    pub(crate) async fn alert(&self) {
        eventually(3 * LONG, "an alert", async || {
            !self
                .prometheus
                .query("ALERTS{alertname=\"DubboAvailabilityBurn\",alertstate=\"firing\",severity=\"critical\"}")
                .await
                .is_empty()
        })
        .await;
    }
}

fn metrics(application: &str) -> Metrics {
    Metrics::new(Config::default().application(Application::new(application).version("1.4.2")))
        .expect("legal")
}

/// Serves the figures, and returns the target for Prometheus, under this name.
async fn serve(tasks: &mut JoinSet<()>, metrics: &Metrics, instance: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tasks.spawn(metrics.ticker());
    let serving = Endpoint::new(metrics).serve(listener, std::future::pending());
    tasks.spawn(async move {
        let _ = serving.await;
    });
    format!("  - {{targets: ['{address}'], labels: {{instance: '{instance}'}}}}\n")
}

/// Calls a method again and again, each call measured on both sides.
async fn call([consumer, provider]: [Method; 2], index: usize, fails: Option<Arc<AtomicBool>>) {
    // Some methods are called more often, and some take longer.
    let pause = Duration::from_millis(60 + 25 * index as u64);
    let length = Duration::from_millis(3 + 4 * index as u64);
    loop {
        let calls = [consumer.start(), provider.start()];
        sleep(length).await;
        let broken = fails
            .as_ref()
            .is_some_and(|fails| fails.load(Ordering::Relaxed));
        let outcome = if broken {
            Outcome::INTERNAL
        } else {
            Outcome::SUCCESS
        };
        for call in calls {
            call.end(outcome);
        }
        sleep(pause).await;
    }
}
