//! Prometheus.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::daemon::{Daemon, Launch};
use crate::http::{get, post};
use crate::sample::Sample;

/// A Prometheus of its own, with an empty database.
#[derive(Debug)]
pub struct Prometheus {
    daemon: Daemon<Configured>,
}

#[derive(Debug)]
struct Configured {
    yaml: String,
}

/// One target of the list that Prometheus scrapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The labels that its samples get, `job` and `instance` among them.
    pub labels: BTreeMap<String, String>,
    /// The address that is scraped.
    pub url: String,
    /// `up`, `down`, or `unknown` before the first scrape.
    pub health: String,
    /// Why the last scrape failed; empty when it did not.
    pub last_error: String,
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts a server with this configuration; files that it names relative to itself are looked for in its own temporary
    /// folder, so name them absolutely.
    ///
    /// # Panics
    /// When it is not installed, refuses the configuration, or does not answer.
    pub async fn start(config_yaml: &str) -> Self {
        let yaml = config_yaml.to_owned();
        Self {
            daemon: Daemon::start(Configured { yaml }).await,
        }
    }

    /// Returns `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.daemon.address())
    }

    /// Kills the server (SIGKILL); what it has stored stays.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Starts the server again on the same port with the same data, after killing it if it still runs.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn restart(&mut self) {
        self.daemon.restart().await;
    }

    /// Returns the samples of an instant query, evaluated now; a scalar is one sample with no labels.
    ///
    /// # Panics
    /// When the query is refused, with Prometheus's reason.
    pub async fn query(&self, promql: &str) -> Vec<Sample> {
        self.try_query(promql)
            .await
            .unwrap_or_else(|err| panic!("{promql}\n{err}"))
    }

    /// Returns the samples of an instant query, evaluated now; a scalar is one sample with no labels.
    ///
    /// # Errors
    /// When the query is refused, or nobody answers.
    pub async fn try_query(&self, promql: &str) -> Result<Vec<Sample>, String> {
        let form = format!("query={}", utf8_percent_encode(promql, NON_ALPHANUMERIC));
        let url = format!("{}/api/v1/query", self.url());
        let answer = post(&url, "application/x-www-form-urlencoded", form).await?;
        let data = data(&answer.body)?;
        if data["resultType"] == "scalar" {
            let labels = BTreeMap::new();
            return Ok(vec![Sample {
                labels,
                value: number(&data["result"][1]),
            }]);
        }
        let result = data["result"].as_array().ok_or("no list of results")?;
        Ok(result
            .iter()
            .map(|sample| Sample {
                labels: labels(&sample["metric"]),
                value: number(&sample["value"][1]),
            })
            .collect())
    }

    /// Returns the active targets.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn targets(&self) -> Vec<Target> {
        let data = self.api("targets?state=active").await;
        let targets = data["activeTargets"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        targets
            .iter()
            .map(|target| Target {
                labels: labels(&target["labels"]),
                url: text(&target["scrapeUrl"]),
                health: text(&target["health"]),
                last_error: text(&target["lastError"]),
            })
            .collect()
    }

    /// Returns the `data` of an answer of its HTTP API, such as that of `alerts` or `rules`.
    ///
    /// # Panics
    /// When it does not answer, or answers with an error.
    pub async fn api(&self, path: &str) -> Value {
        let url = format!("{}/api/v1/{path}", self.url());
        let answer = get(&url).await.unwrap_or_else(|err| panic!("{err}"));
        data(&answer.body).unwrap_or_else(|err| panic!("{url}: {err}"))
    }
}

// === impl Configured ===

impl Launch for Configured {
    const PROGRAM: (&str, &str) = ("prometheus", "prometheus");

    fn command(&self, port: u16, folder: &Path) -> Command {
        let configuration = folder.join("prometheus.yml");
        std::fs::write(&configuration, &self.yaml).expect("the folder is ours");
        let mut command = Command::new(Self::PROGRAM.0);
        command
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg("--web.enable-lifecycle")
            .current_dir(folder);
        command
    }

    async fn answers(&self, port: u16) -> bool {
        get(&format!("http://127.0.0.1:{port}/-/ready"))
            .await
            .is_ok_and(|answer| answer.status == 200)
    }
}

fn data(body: &str) -> Result<Value, String> {
    let mut answer: Value = serde_json::from_str(body).map_err(|err| format!("{err}: {body}"))?;
    if answer["status"] == "success" {
        Ok(answer["data"].take())
    } else {
        Err(text(&answer["error"]))
    }
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let pairs = object.as_object().into_iter().flatten();
    pairs
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Reads a value, which the API writes as a text because JSON has no NaN.
fn number(value: &Value) -> f64 {
    text(value).parse().expect("Prometheus writes numbers")
}
