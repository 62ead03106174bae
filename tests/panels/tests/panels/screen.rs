//! The page with Grafana's libraries: bundled once, shown in a browser, fed with the answers of Prometheus.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use page::{Chromium, Scheme, Tab};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use stack::{Dashboard, all_panels, list, string};
use test_servers::{Prometheus, target_folder};
use tokio::task::JoinHandle;

/// What Grafana's `$__rate_interval` is on a data source of short intervals.
const RATE_INTERVAL: &str = "20s";

/// The libraries, as `package.json` names them, in cargo's target folder.
fn folder() -> PathBuf {
    target_folder().join("panels")
}

fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|err| panic!("{command:?}: {err}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The script and the styles of the page. All tests share them, and so does the folder in which npm works.
static PAGE: LazyLock<[Vec<u8>; 2]> = LazyLock::new(bundle);

/// Installs the libraries when they are not those of the lock file, bundles the page, and returns it.
fn bundle() -> [Vec<u8>; 2] {
    let folder = folder();
    std::fs::create_dir_all(&folder).expect("cargo's target folder is ours");
    let lock = "package-lock.json";
    let wanted = std::fs::read(sources().join(lock)).expect("it is there");
    if std::fs::read(folder.join("installed.json")).ok().as_ref() != Some(&wanted) {
        for file in ["package.json", lock] {
            std::fs::copy(sources().join(file), folder.join(file)).expect("it can be copied");
        }
        run(Command::new("npm")
            .args([
                "ci",
                "--legacy-peer-deps",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
            ])
            .current_dir(&folder));
        std::fs::write(folder.join("installed.json"), &wanted).expect("the folder is ours");
    }
    std::fs::copy(sources().join("page/build.mjs"), folder.join("build.mjs"))
        .expect("it can be copied");
    let page = sources().join("page/page.jsx");
    run(Command::new("node")
        .arg("build.mjs")
        .arg(page)
        .arg("page.js")
        .current_dir(&folder));
    ["page.js", "page.css"]
        .map(|file| std::fs::read(folder.join(file)).expect("it was written just now"))
}

/// A browser that shows the page.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) tab: Tab,
    _chromium: Chromium,
    _server: JoinHandle<()>,
}

impl Screen {
    pub(crate) async fn start() -> Self {
        let [script, styles] = tokio::task::spawn_blocking(|| PAGE.each_ref())
            .await
            .expect("the page is bundled");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = axum::Router::new()
            .route(
                "/",
                axum::routing::get(|| async {
                    axum::response::Html(include_str!("../../page/page.html"))
                }),
            )
            .route(
                "/page.css",
                axum::routing::get(
                    move || async move { ([("content-type", "text/css")], &styles[..]) },
                ),
            )
            .route(
                "/page.js",
                axum::routing::get(move || async move {
                    ([("content-type", "text/javascript")], &script[..])
                }),
            );
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let chromium = Chromium::start().await;
        let tab = chromium.open(&format!("http://{address}/")).await;
        tab.until("typeof window.show === 'function'").await;
        Self {
            tab,
            _chromium: chromium,
            _server: server,
        }
    }

    /// Draws these panels with these variables over the last `seconds`, and returns what Grafana's libraries do not know.
    pub(crate) async fn show(
        &self,
        prometheus: &Prometheus,
        panels: &[Value],
        variables: &[(&str, &str)],
        seconds: u32,
        scheme: Scheme,
    ) -> Vec<String> {
        let range = format!("{seconds}s");
        let dashboard = Dashboard::with(variables, RATE_INTERVAL, &range);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |now| now.as_secs_f64())
            .floor();
        let from = now - f64::from(seconds);
        let mut shown = Vec::new();
        for panel in panels {
            let mut answers = json!({});
            for target in list(&panel["targets"]) {
                let place = format!(
                    "panel {} {}",
                    string(&panel["title"]),
                    string(&target["refId"])
                );
                let query =
                    utf8_percent_encode(dashboard.query(&place), NON_ALPHANUMERIC).to_string();
                let path = if target["instant"] == true {
                    format!("query?query={query}&time={now}")
                } else {
                    format!("query_range?query={query}&start={from}&end={now}&step=2")
                };
                answers[string(&target["refId"])] = prometheus.api(&path).await["result"].take();
            }
            shown.push(json!({"panel": panel, "answers": answers}));
        }
        let all = stack::json("grafana.json");
        let bar: Vec<_> = list(&all["templating"]["list"])
            .iter()
            .filter(|variable| variable["hide"] == 0 && variable["type"] != "datasource")
            .map(|variable| {
                let chosen = variables
                    .iter()
                    .find(|(name, _)| variable["name"] == *name)
                    .map(|(_, value)| *value);
                json!({ "label": variable["label"], "value": chosen })
            })
            .collect();
        let question = json!({"panels": shown, "variables": bar, "range": [from * 1000.0, now * 1000.0], "theme": scheme.name()});
        let problems = self.tab.evaluate(&format!("window.show({question})")).await;
        let height: u32 = self
            .tab
            .evaluate("document.getElementById('root').offsetHeight")
            .await;
        self.tab.resize(1200, height.max(100)).await;
        problems
    }

    /// Returns the last values of a panel as Grafana writes them.
    pub(crate) async fn written(&self, title: &str) -> Vec<String> {
        self.tab
            .evaluate(&format!("window.written[\"{title}\"]"))
            .await
    }

    /// Returns the text of a panel.
    pub(crate) async fn text(&self, title: &str) -> String {
        self.tab
            .evaluate(&format!(
                "document.querySelector('[data-title=\"{title}\"]').innerText"
            ))
            .await
    }
}

/// Returns panels of the dashboard by their titles, one below the other in lines of 24 columns; all of them without a title.
pub(crate) fn panels(titles: &[&str]) -> Vec<Value> {
    let dashboard = stack::json("grafana.json");
    let all: Vec<Value> = all_panels(&dashboard)
        .filter(|panel| panel["type"] != "row")
        .cloned()
        .collect();
    let mut chosen: Vec<Value> = if titles.is_empty() {
        all
    } else {
        let named = |title: &&str| {
            all.iter()
                .find(|panel| panel["title"] == **title)
                .cloned()
                .unwrap_or_else(|| panic!("no panel {title}"))
        };
        titles.iter().map(named).collect()
    };
    let (mut x, mut y, mut line) = (0, 0, 0);
    for panel in &mut chosen {
        let size = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
        let (w, h) = (size("w"), size("h"));
        if x + w > 24 {
            (x, y, line) = (0, y + line, 0);
        }
        panel["gridPos"]["x"] = x.into();
        panel["gridPos"]["y"] = y.into();
        (x, line) = (x + w, line.max(h));
    }
    chosen
}
