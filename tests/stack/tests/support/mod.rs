//! What the tests with real processes share.

use std::path::Path;
use std::process::Command;

use stack::path;
use tempfile::TempDir;
use test_servers::free_port;

/// The stack of `native.sh` on ports of its own, taken down when this value is dropped.
#[derive(Debug)]
pub(crate) struct Native {
    folder: TempDir,
    pub(crate) zookeeper: String,
    pub(crate) pushgateway: String,
    pub(crate) alertmanager: String,
    pub(crate) prometheus: String,
}

impl Native {
    pub(crate) fn new() -> Self {
        let address = || format!("127.0.0.1:{}", free_port());
        Self {
            folder: tempfile::tempdir().expect("the temporary folder is writable"),
            zookeeper: address(),
            pushgateway: address(),
            alertmanager: address(),
            prometheus: address(),
        }
    }

    /// Where rules stand that Prometheus takes in place of the project's, when there are any.
    pub(crate) fn rules(&self) -> std::path::PathBuf {
        self.folder.path().join("rules")
    }

    /// Runs a command of `native.sh`, and returns its exit code and what it printed.
    pub(crate) fn run(&self, command: &str) -> (i32, String) {
        let own: &Path = &self.rules();
        let output = Command::new(path("prometheus_grafana/native.sh"))
            .arg(command)
            .env("STACK_DIR", self.folder.path().join("stack"))
            .env(
                "RULES",
                if own.exists() {
                    own.to_owned()
                } else {
                    path("prometheus_grafana/rules")
                        .canonicalize()
                        .expect("it is there")
                },
            )
            .env("ZOOKEEPER", &self.zookeeper)
            .env("PUSHGATEWAY", &self.pushgateway)
            .env("ALERTMANAGER", &self.alertmanager)
            .env("PROMETHEUS", &self.prometheus)
            .output()
            .expect("the script starts");
        let printed =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap_or(-1), printed.into_owned())
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        self.run("down");
    }
}
