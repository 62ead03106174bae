//! The program as a daemon.

use test_servers::{LONG, Process, Sample, eventually, free_port, get};

use super::start;

/// A daemon that makes a pass every 100 ms unless its options say otherwise.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) process: Process,
    pub(crate) endpoint: String,
}

impl Daemon {
    pub(crate) fn start(url: &str, options: &[&str]) -> Self {
        let endpoint = format!("127.0.0.1:{}", free_port());
        let common = ["--daemon", "--metrics-addr", &endpoint];
        let interval: &[&str] = if options.contains(&"--interval") {
            &[]
        } else {
            &["--interval", "100ms"]
        };
        let process = start(url, &[&common[..], interval, options].concat());
        Self {
            process,
            endpoint: format!("http://{endpoint}"),
        }
    }

    /// Returns the value of a series.
    pub(crate) async fn value(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64, String> {
        let body = get(&format!("{}/metrics", self.endpoint)).await?.body;
        let found = Sample::parse(&body)
            .into_iter()
            .find(|sample| sample.name() == name && sample.has(labels));
        found.map(|sample| sample.value).ok_or(body)
    }

    /// Waits until a series has reached a value, and returns it.
    pub(crate) async fn reaches(&self, name: &str, labels: &[(&str, &str)], value: f64) -> f64 {
        eventually(
            LONG,
            &format!("{name}{labels:?} reaches {value}"),
            async || match self.value(name, labels).await {
                Ok(seen) if seen >= value => Ok(seen),
                seen => Err(seen),
            },
        )
        .await
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        get(&format!("{}{path}", self.endpoint))
            .await
            .map_or(0, |answer| answer.status)
    }

    pub(crate) async fn stop(mut self) -> String {
        self.process.terminate();
        assert_eq!(
            self.process.wait(LONG).await,
            0,
            "{}",
            self.process.stderr()
        );
        self.process.stderr()
    }
}
