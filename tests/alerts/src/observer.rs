//! Two Prometheus with the rules, one that scrapes each 5 s and one that does each 15 s, which look on while a fault happens.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use faults::{Looking, Watch};
use parking_lot::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use test_servers::{LONG, Prometheus, eventually, prometheus_pull};
use tokio::time::{Instant, sleep};

use crate::record::{Firing, Record, Series};

/// Seconds between scrapes; the first has most of them.
pub(crate) const LIVE: [u32; 2] = [5, 15];

/// All alerts but the one that fires always.
pub(crate) const FIRING: &str = "ALERTS{alertstate=\"firing\",alertname!=\"DubboWatchdog\"}";

/// Alerts on windows that no case is waited for: they end when the window has passed.
const WAITED_FOR: &str = "ALERTS{alertname!=\"DubboWatchdog\",long!~\"6h|1d|3d\"}";

/// What the rules read of the processes, and `up`.
const SCRAPED: &str =
    "{__name__=~\"dubbo_.+|push_.+|process_.+|up\",__name__!~\".*(_rt_|_aggregate|_created).*\"}";

/// The times of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From the first scrape until the fault.
    pub(crate) calm: Duration,
    /// How long a fault lasts that has no time of its own.
    pub(crate) hold: Option<Duration>,
    /// The least and the most time that is looked on after a fault: as long as alerts are there.
    pub(crate) afterwards: (Duration, Duration),
}

/// Looks at one case.
#[derive(Debug)]
pub(crate) struct Observer {
    times: Times,
    servers: RefCell<Vec<(u32, Prometheus)>>,
    record: Arc<Mutex<Record>>,
}

// === impl Observer ===

impl Observer {
    /// Notes in `record` what it sees.
    pub(crate) fn new(times: Times, record: Arc<Mutex<Record>>) -> Self {
        Self {
            times,
            servers: RefCell::default(),
            record,
        }
    }

    async fn start(&self, zookeeper: &str, gateway: &str) {
        let rules = ["recording", "alerts"].map(|file| {
            let name = format!("rules/{file}.yml");
            let text = stack::text(&format!("prometheus_grafana/{name}"));
            (name, text)
        });
        let mut servers = Vec::new();
        for interval in LIVE {
            let config = configuration(zookeeper, gateway, interval);
            servers.push((
                interval,
                Prometheus::start_with_files(&config, &rules).await,
            ));
        }
        for (_, server) in &servers {
            eventually(LONG, "calls of both sides are scraped", async || {
                let sides = server.query("count(dubbo_provider_requests_total) and count(dubbo_consumer_requests_total)").await;
                !sides.is_empty()
            })
            .await;
        }
        self.servers.replace(servers);
    }

    async fn look_on(&self) {
        let servers = self.servers.take();
        let (least, most) = self.times.afterwards;
        let over = Instant::now();
        sleep(least).await;
        while over.elapsed() < most {
            let mut there = 0;
            for (_, server) in &servers {
                there += server.query(WAITED_FOR).await.len();
            }
            if there == 0 {
                break;
            }
            sleep(Duration::from_secs(5)).await;
        }
        let left = now();
        let began = self.record.lock().calm;
        let range = format!("[{:.0}s]", left - began + 10.0);
        let mut firing = BTreeMap::new();
        for (interval, server) in &servers {
            let series = scraped(server, &format!("{FIRING}{range}")).await;
            firing.insert(*interval, series.into_iter().map(Firing::from).collect());
        }
        let series = scraped(&servers[0].1, &format!("{SCRAPED}{range}")).await;
        let mut record = self.record.lock();
        record.left = left;
        record.firing = firing;
        record.series = series;
    }
}

impl Watch for Observer {
    fn hold(&self) -> Option<Duration> {
        self.times.hold
    }

    fn everything_runs<'a>(&'a self, zookeeper: &'a str, gateway: &'a str) -> Looking<'a> {
        Box::pin(async move {
            self.start(zookeeper, gateway).await;
            self.record.lock().calm = now();
            sleep(self.times.calm).await;
        })
    }

    fn begins(&self) {
        self.record.lock().began = now();
    }

    fn ends(&self) {
        self.record.lock().ended = now();
    }

    fn afterwards(&self) -> Looking<'_> {
        Box::pin(self.look_on())
    }
}

/// One series of alerts is one time in which it fires.
impl From<Series> for Firing {
    fn from(series: Series) -> Self {
        let label = |name: &str| series.labels.get(name).cloned().unwrap_or_default();
        Self {
            alert: label("alertname"),
            severity: label("severity"),
            window: label("long"),
            from: series.samples.first().map_or(0.0, |(time, _)| *time),
            to: series.samples.last().map_or(0.0, |(time, _)| *time),
        }
    }
}

/// Returns `prometheus_pull.yml` with this interval, and without the servers that are not there.
fn configuration(zookeeper: &str, gateway: &str, interval: u32) -> String {
    let config = prometheus_pull(zookeeper, gateway);
    let (head, jobs) = config.split_once("scrape_configs:").expect("it scrapes");
    let jobs: String = jobs
        .split("\n  - job_name: ")
        .filter(|job| {
            !["alertmanager", "zookeeper", "cleaner"]
                .iter()
                .any(|name| job.starts_with(name))
        })
        .collect::<Vec<_>>()
        .join("\n  - job_name: ");
    let head = head.split("alerting:").next().unwrap_or(head);
    format!("{head}scrape_configs:{jobs}")
        .replace(
            "scrape_interval: 1s",
            &format!("scrape_interval: {interval}s"),
        )
        .replace("scrape_timeout: 1s", "scrape_timeout: 4s")
        // A provider behind a proxy lists itself where consumers do not look.
        .replace(
            "paths: ['/prometheus/dubbo']",
            "paths: ['/prometheus/dubbo', '/elsewhere/prometheus/dubbo']",
        )
}

/// Returns what a server has of some series, with a range.
async fn scraped(server: &Prometheus, query: &str) -> Vec<Series> {
    let answer = server
        .api(&format!(
            "query?query={}",
            utf8_percent_encode(query, NON_ALPHANUMERIC)
        ))
        .await;
    let result = answer["result"].as_array().cloned().unwrap_or_default();
    result.iter().map(series).collect()
}

fn series(answer: &Value) -> Series {
    let labels = answer["metric"].as_object().into_iter().flatten();
    let samples = answer["values"].as_array().into_iter().flatten();
    Series {
        labels: labels
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        samples: samples
            .filter_map(|sample| {
                let value: f64 = sample[1].as_str()?.parse().ok()?;
                value.is_finite().then_some((sample[0].as_f64()?, value))
            })
            .collect(),
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}
