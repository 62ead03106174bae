//! The neutral load: `h2load` of nghttp2, told to make gRPC calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use greet::GreetRequest;
use prost::Message as _;
use test_servers::{Folder, Process};

/// How long a load may take beyond what it was asked for.
const LIMIT: Duration = Duration::from_secs(400);

/// How often a load is tried: a machine with too much to do can be over with a short one before the first answer.
const ATTEMPTS: usize = 5;

/// The files that `h2load` reads: a request's body, and the addresses of many methods.
#[derive(Debug)]
pub(crate) struct H2load {
    folder: Folder,
}

/// One load on one provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// The provider's port on 127.0.0.1.
    pub(crate) port: u16,
    /// Connections, and calls in flight on each.
    pub(crate) connections: u32,
    /// Calls in flight on each connection.
    pub(crate) streams: u32,
    /// When it ends.
    pub(crate) until: Until,
    /// Calls a second on each connection; without it, as many as are answered.
    pub(crate) rate: Option<u32>,
    /// How many methods are called, in turn.
    pub(crate) methods: usize,
    /// The method that is called if it is one.
    pub(crate) method: &'static str,
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After this time; calls in flight are given up.
    Over(Duration),
    /// When this many calls have been answered.
    Calls(u64),
}

/// What `h2load` says at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Loaded {
    /// Calls that were answered.
    pub(crate) calls: u64,
    /// The time that they took together.
    pub(crate) seconds: f64,
}

impl Load {
    /// Returns the load that most figures are taken under: 8 connections with 16 calls in flight each, on one method.
    pub(crate) fn usual(port: u16, until: Until) -> Self {
        Self {
            port,
            connections: 8,
            streams: 16,
            until,
            rate: None,
            methods: 1,
            method: "Greet",
        }
    }
}

impl H2load {
    /// Writes the files.
    ///
    /// # Errors
    /// When `h2load` is not installed, or there is no room for the files.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Command::new("h2load")
            .arg("--version")
            .output()
            .context("cannot run h2load: apt-get install --no-install-recommends nghttp2-client")?;
        let folder = Folder::new("h2load");
        let request = GreetRequest {
            name: "hello world".to_owned(),
        }
        .encode_to_vec();
        // A gRPC message: not compressed, its length, itself.
        let mut body = vec![0];
        body.extend(u32::try_from(request.len())?.to_be_bytes());
        body.extend(request);
        fs::write(folder.path().join("body"), body)?;
        Ok(Self { folder })
    }

    /// Puts a load on a provider.
    ///
    /// # Errors
    /// When a call is not answered with the status 200.
    pub(crate) async fn run(&self, load: Load) -> anyhow::Result<Loaded> {
        self.run_command(&mut self.command(load)?).await
    }

    /// Puts a load on a provider, and returns the time that each call took as well, in milliseconds and in ascending order.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) async fn run_timed(&self, load: Load) -> anyhow::Result<(Loaded, Vec<f64>)> {
        let log = self.folder.path().join("log");
        let mut command = self.command(load)?;
        command.arg("--log-file").arg(&log);
        let loaded = self.run_command(&mut command).await?;
        let times = times(&fs::read_to_string(&log)?)?;
        fs::remove_file(&log)?;
        Ok((loaded, times))
    }

    /// Starts a load that goes on beside something else; it ends when the value is dropped.
    ///
    /// # Errors
    /// When the list of methods cannot be written.
    pub(crate) fn start(&self, load: Load) -> anyhow::Result<Process> {
        Ok(Process::spawn(&self.command(load)?))
    }

    async fn run_command(&self, command: &mut Command) -> anyhow::Result<Loaded> {
        let mut attempts = ATTEMPTS;
        loop {
            let loaded = ended(&mut Process::spawn(command)).await?;
            if loaded.calls > 0 {
                return Ok(loaded);
            }
            attempts -= 1;
            ensure!(attempts > 0, "no call was answered in time");
        }
    }

    fn command(&self, load: Load) -> anyhow::Result<Command> {
        let Load {
            port,
            connections,
            streams,
            until,
            rate,
            methods,
            method,
        } = load;
        let mut command = Command::new("h2load");
        command
            .args([
                "-p",
                "h2c",
                "-H",
                "content-type: application/grpc",
                "-H",
                "te: trailers",
            ])
            .arg("-d")
            .arg(self.folder.path().join("body"))
            .arg(format!("-c{connections}"))
            .arg(format!("-m{streams}"));
        match until {
            Until::Over(time) => command.arg(format!("-D{}ms", time.as_millis())),
            Until::Calls(calls) => command.arg(format!("-n{calls}")),
        };
        if let Some(rate) = rate {
            command.arg(format!("--rps={rate}"));
        }
        if methods == 1 {
            command.arg(address(port, method));
        } else {
            command.arg("-i").arg(self.addresses(port, methods)?);
        }
        Ok(command)
    }

    fn addresses(&self, port: u16, methods: usize) -> anyhow::Result<PathBuf> {
        let file = self
            .folder
            .path()
            .join(format!("addresses-{port}-{methods}"));
        let lines: Vec<_> = method_names(methods)
            .map(|name| address(port, &name))
            .collect();
        write(&file, &lines.join("\n"))?;
        Ok(file)
    }
}

/// Waits for the end of a load, and returns what it says.
///
/// # Errors
/// When a call is not answered with the status 200.
pub(crate) async fn ended(load: &mut Process) -> anyhow::Result<Loaded> {
    let code = load.wait(LIMIT).await;
    let output = load.stdout();
    ensure!(
        code == 0,
        "h2load failed ({code}):\n{output}{}",
        load.stderr()
    );
    read(&output)
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn address(port: u16, method: &str) -> String {
    format!("http://127.0.0.1:{port}/{}/{method}", greet::INTERFACE)
}

/// Returns the names of a service's methods when it has this many: `Greet`, `Greet1`, `Greet2`, and so on.
pub fn method_names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| match number {
        0 => "Greet".to_owned(),
        number => format!("Greet{number}"),
    })
}

/// Reads `finished in 2.00s, 1234.50 req/s, …` and `requests: 100 total, 100 started, 100 done, 100 succeeded, 0 failed, …`.
fn read(output: &str) -> anyhow::Result<Loaded> {
    let line = |start: &str| {
        output
            .lines()
            .find_map(|line| line.strip_prefix(start))
            .with_context(|| format!("h2load says no {start:?} in\n{output}"))
    };
    let finished = line("finished in ")?;
    let took = finished.split(',').next().unwrap_or_default();
    let seconds = seconds(took).with_context(|| format!("not a time: {took:?}"))?;
    let requests = line("requests: ")?;
    let count = |name: &str| -> Option<u64> {
        let field = requests
            .split(", ")
            .find_map(|field| field.strip_suffix(name))?;
        field.trim().parse().ok()
    };
    let (done, succeeded) = count(" done")
        .zip(count(" succeeded"))
        .with_context(|| format!("not a count of requests: {requests:?}"))?;
    ensure!(done == succeeded, "calls failed: {requests}");
    Ok(Loaded {
        calls: done,
        seconds,
    })
}

/// Reads a time such as `2.00s`, `512.30ms` or `87us`.
fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    [("ms", 1e-3), ("us", 1e-6), ("s", 1.0)]
        .into_iter()
        .find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}

/// Reads the log's third column, microseconds until the end of the response.
fn times(log: &str) -> anyhow::Result<Vec<f64>> {
    let mut times = log
        .lines()
        .map(|line| {
            let time = line
                .split('\t')
                .nth(2)
                .and_then(|time| time.parse::<f64>().ok());
            Ok(time.with_context(|| format!("not a line of h2load's log: {line:?}"))? / 1e3)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    times.sort_by(f64::total_cmp);
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
starting benchmark...
Application protocol: h2c
progress: 10% done

finished in 512.30ms, 12345.60 req/s, 493.82KB/s
requests: 6325 total, 6453 started, 6325 done, 6325 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 6325 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 247.07KB (253000) total, 6.18KB (6325) headers (space savings 96.55%), 98.83KB (101200) data
                     min         max         mean         sd        +/- sd
time for request:      203us     12.34ms      1.23ms       456us    78.90%
";

    #[test]
    fn calls_and_time_are_read() {
        let loaded = read(OUTPUT).unwrap();
        assert_eq!(loaded.calls, 6325);
        assert!((loaded.seconds - 0.5123).abs() < 1e-9);
    }

    #[test]
    fn a_load_with_a_failed_call_is_no_measurement() {
        let failed = OUTPUT.replace("6325 succeeded, 0 failed", "6320 succeeded, 5 failed");
        let err = read(&failed).unwrap_err().to_string();
        assert!(err.contains("5 failed"), "{err}");
    }

    #[test]
    fn output_without_figures_is_shown() {
        let err = read("starting benchmark...").unwrap_err().to_string();
        assert!(err.contains("starting benchmark"), "{err}");
    }

    #[test]
    fn times_have_units() {
        assert_eq!(seconds("2.00s"), Some(2.0));
        assert_eq!(seconds(" 512.30ms"), Some(0.5123));
        assert_eq!(seconds("87us"), Some(87e-6));
        assert_eq!(seconds("fast"), None);
    }

    #[test]
    fn the_log_gives_each_calls_time_in_order() {
        let log = "1700000000000000\t200\t1500\n1700000000000001\t200\t250\n";
        assert_eq!(times(log).unwrap(), [0.25, 1.5]);
        assert!(times("nonsense").is_err());
    }

    #[test]
    fn methods_are_numbered_after_the_first() {
        assert_eq!(
            method_names(3).collect::<Vec<_>>(),
            ["Greet", "Greet1", "Greet2"]
        );
    }
}
