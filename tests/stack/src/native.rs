//! The stack of `native.sh`, for one test.

use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use test_servers::{CleanupIfKilled, free_port};

use crate::{path, text};

/// From the top of the project.
const SCRIPT: &str = "prometheus_grafana/native.sh";

/// The stack of `native.sh` on ports of its own, taken down when this value is dropped or its process has ended.
#[derive(Debug)]
pub struct Native {
    folder: TempDir,
    /// ZooKeeper's address, `127.0.0.1:port`, like those of the others.
    pub zookeeper: String,
    /// The Pushgateway's address.
    pub pushgateway: String,
    /// The Alertmanager's address.
    pub alertmanager: String,
    /// Prometheus's address.
    pub prometheus: String,
    rules: PathBuf,
    _cleanup: CleanupIfKilled,
}

/// Returns the files of rules, by `rules/` and their name, for a test that can't wait for minutes: alerts fire after a second, rates look back for 30 s where
/// it was 5 min, groups are stale after 20 s, and everything is evaluated each second. The windows of the objectives stay as they are.
///
/// # Panics
/// When the rules have nothing to shorten.
pub fn short_rules() -> Vec<(String, String)> {
    ["rules/recording.yml", "rules/alerts.yml"]
        .into_iter()
        .map(|file| {
            let original = text(&format!("prometheus_grafana/{file}"));
            let waiting = ["1m", "2m", "5m", "15m"]
                .iter()
                .fold(original.clone(), |rules, time| {
                    rules.replace(&format!("for: \"{time}\""), "for: \"1s\"")
                });
            let short = waiting
                .replace("[5m]", "[30s]")
                // What rates do not see, the first occurrence of an error, is counted by the same window.
                .replace(" / 300 unless ", " / 30 unless ")
                .replace(" / 300 and ", " / 30 and ")
                .replace(" offset 5m", " offset 30s")
                // So many calls in the window of a rate.
                .replace(") * 300 > ", ") * 30 > ")
                .replace(" offset 2m", " offset 12s")
                .replace("offset 120s", "offset 20s")
                .replace("interval: \"15s\"", "interval: \"1s\"")
                .replace("interval: \"1m\"", "interval: \"1s\"");
            assert_ne!(short, original, "{file} should have changed");
            (file.to_owned(), short)
        })
        .collect()
}

/// What `Native` does when it is dropped: the script, then its folder.
const TAKE_DOWN: &str = "STACK_DIR=\"$1/stack\" \"$0\" down; rm -rf -- \"$1\"";

// === impl Native ===

impl Default for Native {
    fn default() -> Self {
        let address = || format!("127.0.0.1:{}", free_port());
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let script = path(SCRIPT);
        let cleanup = CleanupIfKilled::new([
            "sh".as_ref(),
            "-c".as_ref(),
            TAKE_DOWN.as_ref(),
            script.as_os_str(),
            folder.path().as_os_str(),
        ]);
        Self {
            folder,
            zookeeper: address(),
            pushgateway: address(),
            alertmanager: address(),
            prometheus: address(),
            rules: path("prometheus_grafana/rules")
                .canonicalize()
                .expect("the rules are there"),
            _cleanup: cleanup,
        }
    }
}

impl Native {
    /// Makes alerts fire after a second, and rates look back for 30 s: the same rules for a test that can't wait for minutes.
    ///
    /// # Panics
    /// When the rules have nothing to shorten.
    pub fn shorten_rules(&mut self) {
        let folder = self.folder.path();
        let rules = folder.join("rules");
        std::fs::create_dir(&rules).expect("the folder is ours");
        for (file, short) in short_rules() {
            std::fs::write(folder.join(file), short).expect("the folder is ours");
        }
        self.rules = rules;
    }

    /// Runs a command of `native.sh`, and returns its exit code and what it printed.
    ///
    /// # Panics
    /// When the script can't be started.
    pub fn run(&self, command: &str) -> (i32, String) {
        let output = Command::new(path(SCRIPT))
            .arg(command)
            .env("STACK_DIR", self.folder.path().join("stack"))
            .env("RULES", &self.rules)
            .env("ZOOKEEPER", &self.zookeeper)
            .env("PUSHGATEWAY", &self.pushgateway)
            .env("ALERTMANAGER", &self.alertmanager)
            .env("PROMETHEUS", &self.prometheus)
            // Nothing listens there: a program that asks a proxy for this host gets no answer.
            .envs(["http_proxy", "all_proxy"].map(|variable| (variable, "http://127.0.0.1:1")))
            .output()
            .expect("the script starts");
        let printed =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap_or(-1), printed.into_owned())
    }

    /// Sends a signal to one of the services.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, service: &str, signal: Signal) {
        let file = self.folder.path().join("stack").join(service).join("pid");
        let id = std::fs::read_to_string(file).expect("the service was started");
        let id = id.trim().parse().ok().and_then(Pid::from_raw);
        kill_process(id.expect("the file holds its number"), signal)
            .unwrap_or_else(|err| panic!("{service} does not run: {err}"));
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // A stopped process ends only by SIGKILL, which the script sends in the end.
        self.run("down");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened_rules_have_one_window_for_rates_and_first_occurrences() {
        for (file, rules) in short_rules() {
            // A step of 5 min in windows of hours is another thing.
            let rules = rules.replace(":300s]) * 300", "");
            let is_left: Vec<_> = rules
                .split_whitespace()
                .filter(|word| ["300", "300\"", "5m"].contains(word) || word.contains("[5m]"))
                .collect();
            assert!(is_left.is_empty(), "{file}: {is_left:?}");
        }
        let (_, recording) = &short_rules()[0];
        for window in ["[30s]", " / 30 unless ", " / 30 and ", " offset 30s"] {
            assert!(recording.contains(window), "{window:?}");
        }
    }
}
