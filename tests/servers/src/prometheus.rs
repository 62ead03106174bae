//! Prometheus.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::child::find;
use crate::daemon::{Daemon, Launch};
use crate::go::{go_build, target_folder};
use crate::http::{get, post};
use crate::sample::Sample;

/// A Prometheus of its own, with an empty database.
#[derive(Debug)]
pub struct Prometheus {
    daemon: Daemon<Configured>,
}

/// Which Prometheus a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrometheusVersion {
    /// That of the distribution: 2.42 in Debian 12.
    Installed,
    /// A current one, as `tests/kubernetes/servers/prometheus/go.mod` names it.
    Current,
}

#[derive(Debug)]
struct Configured {
    version: PrometheusVersion,
    /// What `--enable-feature` names.
    features: String,
    yaml: String,
    files: Vec<(String, String)>,
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

/// For a server with nothing beside its configuration.
const NO_FILES: &[(&str, &str)] = &[];

// === impl Prometheus ===

impl Prometheus {
    /// Starts a server with this configuration, in which `localhost:9090` stands for the server itself.
    ///
    /// # Panics
    /// When it is not installed, refuses the configuration, or does not answer.
    pub async fn start(config_yaml: &str) -> Self {
        Self::start_with(PrometheusVersion::Installed, config_yaml, NO_FILES, "").await
    }

    /// Starts a server with this configuration beside these files, such as `("rules/mine.yml", "groups: …")`.
    ///
    /// # Panics
    /// When it is not installed, refuses the configuration, or does not answer.
    pub async fn start_with_files(
        config_yaml: &str,
        files: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Self {
        Self::start_version(PrometheusVersion::Installed, config_yaml, files).await
    }

    /// Starts a server of this version with this configuration beside these files.
    ///
    /// # Panics
    /// When it is not installed and can't be built, refuses the configuration, or does not answer.
    pub async fn start_version(
        version: PrometheusVersion,
        config_yaml: &str,
        files: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Self {
        Self::start_with(version, config_yaml, files, "").await
    }

    /// Starts a server with this configuration and these features, such as `native-histograms,exemplar-storage`.
    ///
    /// # Panics
    /// When it is not installed, refuses the configuration, or does not answer.
    pub async fn start_with_features(config_yaml: &str, features: &str) -> Self {
        Self::start_with(
            PrometheusVersion::Installed,
            config_yaml,
            NO_FILES,
            features,
        )
        .await
    }

    /// Starts a server of this version that reads native histograms, with this configuration beside these files and these further features.
    ///
    /// # Panics
    /// When it is not installed and can't be built, refuses the configuration, or does not answer.
    pub async fn start_native(
        version: PrometheusVersion,
        config_yaml: &str,
        files: &[(impl AsRef<str>, impl AsRef<str>)],
        features: &str,
    ) -> Self {
        match version {
            PrometheusVersion::Installed => {
                let features = format!("native-histograms,{features}");
                Self::start_with(version, config_yaml, files, &features).await
            }
            // It was a feature before Prometheus 3.8, and is a setting since then.
            PrometheusVersion::Current => {
                assert!(config_yaml.contains("scrape_interval: "), "{config_yaml}");
                let config_yaml = config_yaml.replacen(
                    "scrape_interval: ",
                    "scrape_native_histograms: true\n  scrape_interval: ",
                    1,
                );
                Self::start_with(version, &config_yaml, files, features).await
            }
        }
    }

    async fn start_with(
        version: PrometheusVersion,
        config_yaml: &str,
        files: &[(impl AsRef<str>, impl AsRef<str>)],
        features: &str,
    ) -> Self {
        let configured = Configured {
            version,
            features: features.to_owned(),
            yaml: config_yaml.to_owned(),
            files: files
                .iter()
                .map(|(name, text)| (name.as_ref().to_owned(), text.as_ref().to_owned()))
                .collect(),
        };
        Self {
            daemon: Daemon::start(configured).await,
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
    /// When the query is refused, or no answer comes.
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
                // Of a native histogram, its count.
                value: match &sample["histogram"][1]["count"] {
                    Value::Null => number(&sample["value"][1]),
                    count => number(count),
                },
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

/// Returns the project's `prometheus_pull.yml` for a ZooKeeper and a Pushgateway, each written `host:port`, as `render.sh` prints it, and
/// with scrapes so frequent that a test need not wait for one; `localhost:9090` is left for [`Prometheus::start`] to replace.
///
/// # Panics
/// When the script fails.
pub fn prometheus_pull(zookeeper: &str, pushgateway: &str) -> String {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../prometheus_grafana/render.sh"
    );
    let output = Command::new(script)
        .env("PROMETHEUS", "localhost:9090")
        .env("ZOOKEEPER", zookeeper)
        .env("PUSHGATEWAY", pushgateway)
        .output()
        .expect("the script can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rendered = String::from_utf8(output.stdout).expect("the configuration is UTF-8");
    let frequent = rendered
        .replace("scrape_interval: 5s", "scrape_interval: 1s")
        .replace("scrape_timeout: 4s", "scrape_timeout: 1s");
    assert_ne!(frequent, rendered, "the interval is another one now");
    frequent
}

// === impl PrometheusVersion ===

impl PrometheusVersion {
    /// Returns all that this machine can have: the current one is built, which takes a Go toolchain.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Installed];
        if find("go").is_some() {
            all.push(Self::Current);
        }
        all
    }

    /// Returns where `prometheus` or `promtool` of this version is.
    ///
    /// # Panics
    /// When it has to be built, and can't be.
    #[must_use]
    pub fn program(self, name: &str) -> PathBuf {
        match self {
            Self::Installed => name.into(),
            Self::Current => built(name),
        }
    }
}

/// Returns where a program of the current version is, built once for as long as its module stays the same.
fn built(name: &str) -> PathBuf {
    let module = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/kubernetes/servers/prometheus"
    );
    let folder = target_folder().join("tools/prometheus-3");
    std::fs::create_dir_all(&folder).expect("cargo's target folder is ours");
    let program = folder.join(name);
    let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    let wanted = modified(&Path::new(module).join("go.sum"));
    if modified(&program).is_none_or(|built| Some(built) < wanted) {
        let package = format!("github.com/prometheus/prometheus/cmd/{name}");
        // As test.sh builds it: with no discovery but what prometheus_pull.yml uses.
        let tags = "-tags=remove_all_sd,enable_dns_sd,enable_zookeeper_sd";
        go_build(module, &["-ldflags=-s -w", tags, &package], &program);
    }
    program
}

// === impl Configured ===

impl Launch for Configured {
    const PROGRAM: (&str, &str) = ("prometheus", "prometheus");

    fn command(&self, port: u16, folder: &Path) -> Command {
        let configuration = folder.join("prometheus.yml");
        let yaml = self
            .yaml
            .replace("localhost:9090", &format!("127.0.0.1:{port}"));
        std::fs::write(&configuration, yaml).expect("the folder is ours");
        for (name, text) in &self.files {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().expect("it is in the folder"))
                .expect("the folder is ours");
            std::fs::write(file, text).expect("the folder is ours");
        }
        let mut command = Command::new(self.version.program("prometheus"));
        command
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg("--web.enable-lifecycle")
            .arg(format!("--enable-feature={}", self.features))
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
