//! A Prometheus on blocks that were made for it.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use test_servers::{PrometheusVersion, free_port};
use tokio::time::Instant;

/// What a query took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Seconds of the server's processor time, on all cores together.
    pub(crate) processor: f64,
}

/// The database and its server.
#[derive(Debug)]
pub(crate) struct Database {
    folder: TempDir,
    address: String,
    server: Option<(Child, Instant)>,
}

/// The longest that a server may take to open its blocks.
const READY: Duration = Duration::from_secs(120);

/// A server merges blocks of the same time a minute after its start, which is not what is measured.
const YOUNG: Duration = Duration::from_secs(40);

/// The end of the series, in seconds: a full hour, so that steps of any length meet it, in the middle of a block of two hours, since
/// promtool reads all of its input again for each block.
pub(crate) const END: u64 = 1_767_229_200;
/// How long the series are, in seconds: a little more than the time that a dashboard shows; what is recorded is there for as long.
pub(crate) const LENGTH: u64 = 960;

// === impl Database ===

impl Database {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            address: format!("127.0.0.1:{}", free_port()),
            server: None,
        })
    }

    /// Adds what `write` writes as OpenMetrics, and returns what it returns.
    pub(crate) fn fill<T>(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.stop();
        let text = self.folder.path().join("series.txt");
        let mut file = BufWriter::new(File::create(&text)?);
        let written = write(&mut file)?;
        writeln!(file, "# EOF")?;
        file.flush()?;
        let made = Command::new(PrometheusVersion::Installed.program("promtool"))
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .arg(&text)
            .arg(self.folder.path().join("data"))
            .output()?;
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        std::fs::remove_file(&text)?;
        Ok(written)
    }

    /// Starts the server, and waits until it answers.
    pub(crate) fn start(&mut self) {
        self.stop();
        let configuration = self.folder.path().join("prometheus.yml");
        std::fs::write(&configuration, "{}").expect("the folder is ours");
        let server = Command::new(PrometheusVersion::Installed.program("prometheus"))
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--web.listen-address={}", self.address))
            .arg(format!(
                "--storage.tsdb.path={}",
                self.folder.path().join("data").display()
            ))
            .args(["--storage.tsdb.retention.time=10y", "--query.timeout=30m"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus can be started");
        self.server = Some((server, Instant::now()));
        let deadline = Instant::now() + READY;
        while self
            .curl("-/ready", &[])
            .is_none_or(|text| !text.contains("Ready"))
        {
            assert!(
                Instant::now() < deadline,
                "Prometheus is not ready within {READY:?}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn stop(&mut self) {
        if let Some((mut server, _)) = self.server.take() {
            // What it has stored is ours; nothing is lost.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    fn curl(&self, path: &str, form: &[String]) -> Option<String> {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--noproxy",
            "*",
            &format!("http://{}/{path}", self.address),
        ]);
        for one in form {
            match one.as_str() {
                "--get" => curl.arg(one),
                _ => curl.args(["--data-urlencode", one]),
            };
        }
        let output = curl.output().expect("curl can be started");
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Evaluates a rule at the end, and returns what it records. The cost is without that of writing the answer, which a rule does not.
    pub(crate) fn evaluate(&mut self, expr: &str) -> (Cost, Value) {
        let (cost, _) = self.ask(&format!("count({expr})"), None);
        (cost, self.ask(expr, None).1)
    }

    /// Asks at the end, or each `step` seconds of a quarter of an hour before it.
    pub(crate) fn ask(&mut self, query: &str, step: Option<u64>) -> (Cost, Value) {
        self.young();
        let mut form = vec![format!("query={query}")];
        let path = match step {
            None => {
                form.push(format!("time={END}"));
                "api/v1/query"
            }
            Some(step) => {
                form.extend([
                    format!("start={}", END - 900),
                    format!("end={END}"),
                    format!("step={step}"),
                ]);
                "api/v1/query_range"
            }
        };
        let before = self.processor();
        let text = self.curl(path, &form).expect("the server answers");
        let cost = Cost {
            processor: self.processor() - before,
        };
        let answer: Value = serde_json::from_str(&text).expect("the answer is JSON");
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        (cost, answer["data"]["result"].clone())
    }

    /// Asks for the values of a label, as Grafana does for a variable.
    pub(crate) fn values(&mut self, label: &str, selector: &str) -> Cost {
        self.young();
        let before = self.processor();
        let form = [
            "--get".to_owned(),
            format!("match[]={selector}"),
            format!("start={}", END - 900),
            format!("end={END}"),
        ];
        let text = self.curl(&format!("api/v1/label/{label}/values"), &form);
        let answer: Value =
            serde_json::from_str(&text.expect("the server answers")).expect("the answer is JSON");
        assert_eq!(answer["status"], "success", "{selector}: {answer}");
        Cost {
            processor: self.processor() - before,
        }
    }

    /// Starts the server anew when it is old enough to merge blocks.
    fn young(&mut self) {
        if self
            .server
            .as_ref()
            .is_none_or(|(_, since)| since.elapsed() > YOUNG)
        {
            self.start();
        }
    }

    /// Returns the seconds of processor time that the server has used.
    fn processor(&self) -> f64 {
        let id = self.server.as_ref().map_or(0, |(server, _)| server.id());
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let ticks: f64 = after_name
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum();
        ticks / 100.0
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stop();
    }
}
