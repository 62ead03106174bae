//! Where figures come from: the machine, its tools, and how busy it is with something else.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

/// Above this share of use by others a figure says little.
pub(crate) const BUSY: f64 = 0.1;

/// How long others are watched.
const LOOK: Duration = Duration::from_secs(1);

/// What is needed to compare figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    /// The versions of rustc, Go and h2load.
    pub(crate) tools: Vec<String>,
}

impl Machine {
    /// Looks at this one.
    pub(crate) fn here() -> Self {
        let info = read("/proc/cpuinfo");
        let memory = read("/proc/meminfo");
        let tools = [
            ("rustc", "--version"),
            ("go", "version"),
            ("h2load", "--version"),
        ];
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field(&info, "model name").unwrap_or("unknown").to_owned(),
            memory_gib: field(&memory, "MemTotal")
                .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
                .map_or(0.0, |kib| kib / 1024.0 / 1024.0),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            tools: tools
                .into_iter()
                .filter_map(|(name, option)| version(name, option))
                .collect(),
        }
    }

    /// Describes it in one sentence.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "{} cores ({}), {:.0} GiB, Linux {}; {}.",
            self.cores,
            self.processor,
            self.memory_gib,
            self.kernel,
            self.tools.join(", ")
        )
    }
}

/// Returns the share of all cores that is in use right now, while nothing of ours runs: 0 to 1.
pub(crate) async fn busy() -> f64 {
    let before = read("/proc/stat");
    sleep(LOOK).await;
    share(&before, &read("/proc/stat")).unwrap_or(0.0)
}

/// Returns the load average of the last minute.
pub(crate) fn load_average() -> f64 {
    let text = read("/proc/loadavg");
    text.split_whitespace()
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0)
}

/// Compares two first lines of `/proc/stat`: `cpu user nice system idle iowait irq softirq steal …`, in ticks.
fn share(before: &str, after: &str) -> Option<f64> {
    let ticks = |text: &str| -> Option<Vec<f64>> {
        let fields = text.lines().next()?.split_whitespace().skip(1).take(8);
        fields.map(|field| field.parse().ok()).collect()
    };
    let (before, after) = (ticks(before)?, ticks(after)?);
    let passed: Vec<f64> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after - before)
        .collect();
    let all: f64 = passed.iter().sum();
    let idle = passed.get(3)? + passed.get(4)?;
    (all > 0.0).then(|| 1.0 - idle / all)
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, value) = text
        .lines()
        .find(|line| line.starts_with(name))?
        .split_once(':')?;
    Some(value.trim())
}

fn version(program: &str, option: &str) -> Option<String> {
    let output = Command::new(program).arg(option).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(
        text.lines()
            .next()?
            .trim_start_matches("go version ")
            .trim()
            .to_owned(),
    )
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_cores_are_not_busy() {
        let before = "cpu  100 0 50 1000 10 0 0 0 0 0\ncpu0 1";
        let after = "cpu  140 0 60 1140 20 0 0 0 0 0\ncpu0 1";
        let share = share(before, after).unwrap();
        assert!((share - 0.25).abs() < 1e-12, "{share}");
        assert_eq!(super::share(before, before), None);
        assert_eq!(super::share("", ""), None);
    }

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::here();
        assert!(machine.cores > 0 && machine.memory_gib > 0.0, "{machine:?}");
        assert!(
            machine.sentence().contains("rustc "),
            "{}",
            machine.sentence()
        );
    }
}
