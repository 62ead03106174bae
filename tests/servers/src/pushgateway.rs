//! Pushgateway.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::daemon::{Daemon, Launch};
use crate::http::get;
use crate::sample::Sample;

/// A Pushgateway of its own.
#[derive(Debug)]
pub struct Pushgateway {
    daemon: Daemon<Gateway>,
}

#[derive(Debug, Default)]
struct Gateway {
    arguments: Vec<String>,
    disk: Disk,
}

/// Where a gateway writes what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Disk {
    /// Nowhere.
    #[default]
    None,
    /// To its own folder, where it finds it again.
    Kept,
    /// To a file system of one page, that no other process sees and that is gone with the gateway.
    Tiny,
    /// To a folder that does not exist.
    Missing,
}

// === impl Pushgateway ===

impl Pushgateway {
    /// Starts a gateway that holds nothing.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a gateway with further arguments, such as `--web.config.file=…`.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let gateway = Gateway {
            arguments,
            ..Gateway::default()
        };
        Self {
            daemon: Daemon::start(gateway).await,
        }
    }

    /// Starts a gateway that writes what it holds to its disk at once, and has it again after a restart.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    pub async fn start_persistent() -> Self {
        let gateway = Gateway {
            arguments: vec!["--persistence.interval=100ms".to_owned()],
            disk: Disk::Kept,
        };
        Self {
            daemon: Daemon::start(gateway).await,
        }
    }

    /// Returns how many bytes a persistent gateway has on its disk.
    pub fn persisted_bytes(&self) -> u64 {
        std::fs::metadata(self.daemon.folder().join("groups")).map_or(0, |data| data.len())
    }

    /// Starts a gateway that writes what it holds to a disk on which there is no room. Returns also what stands for the disk:
    /// a file system of one page where this user may mount one, else a folder that does not exist.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    pub async fn start_on_full_disk() -> (Self, &'static str) {
        let may_mount = Command::new("unshare")
            .args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
            .output()
            .is_ok_and(|output| output.status.success());
        let (disk, name) = if may_mount {
            (Disk::Tiny, "a file system of 4 KiB")
        } else {
            (Disk::Missing, "a folder that does not exist")
        };
        let gateway = Gateway {
            arguments: vec!["--persistence.interval=100ms".to_owned()],
            disk,
        };
        let daemon = Daemon::start(gateway).await;
        (Self { daemon }, name)
    }

    /// Returns what the gateway has written to its log.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Returns `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.daemon.address()
    }

    /// Kills the gateway (SIGKILL); what it held is lost.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Stops the process (SIGSTOP): connections stay open, and nothing answers.
    pub fn stop_process(&mut self) {
        self.daemon.stop();
    }

    /// Lets a stopped process go on (SIGCONT).
    pub fn continue_process(&mut self) {
        self.daemon.signal(Signal::CONT);
    }

    /// Starts the gateway again on the same port, empty, after killing it if it still runs.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn restart(&mut self) {
        self.daemon.restart().await;
    }

    /// Returns everything it serves to Prometheus, its own metrics included.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn samples(&self) -> Vec<Sample> {
        let answer = get(&format!("{}/metrics", self.url())).await;
        Sample::parse(&answer.unwrap_or_else(|err| panic!("{err}")).body)
    }

    /// Returns the grouping keys of all groups, in the order of their labels.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn groups(&self) -> Vec<BTreeMap<String, String>> {
        let mut groups: Vec<_> = self
            .samples()
            .await
            .into_iter()
            .filter(|sample| sample.name() == "push_time_seconds")
            .map(|mut sample| {
                sample.labels.remove("__name__");
                sample.labels
            })
            .collect();
        groups.sort();
        groups
    }

    /// Returns how many pushes and deletions of this method and status it has answered since its start, by its own count.
    ///
    /// `method` is a name such as `PUT` or `DELETE`, `code` a status such as 200 or 202.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn requests(&self, method: &str, code: u16) -> u64 {
        let (method, code) = (method.to_lowercase(), code.to_string());
        let requests: f64 = self
            .samples()
            .await
            .iter()
            .filter(|sample| {
                sample.name() == "pushgateway_http_requests_total"
                    && sample.has(&[("method", &method), ("code", &code)])
            })
            .map(|sample| sample.value)
            .sum();
        // A count of requests is a whole number far below 2^53.
        requests as u64
    }
}

// === impl Gateway ===

impl Launch for Gateway {
    const PROGRAM: (&str, &str) = ("prometheus-pushgateway", "prometheus-pushgateway");

    fn command(&self, port: u16, folder: &Path) -> Command {
        let data = folder.join("data");
        let mut command = match self.disk {
            Disk::None | Disk::Kept | Disk::Missing => Command::new(Self::PROGRAM.0),
            Disk::Tiny => {
                std::fs::create_dir_all(&data).expect("the folder is ours");
                let mut command = Command::new("unshare");
                command
                    .args(["--mount", "sh", "-c"])
                    .arg("mount -t tmpfs -o size=4k tmpfs \"$0\" && exec \"$@\"")
                    .args([data.as_os_str(), Self::PROGRAM.0.as_ref()]);
                command
            }
        };
        match self.disk {
            // Debian's gateway persists into one place for the whole machine, and would begin with what another one held.
            Disk::None => command.arg("--persistence.file="),
            Disk::Kept => command.arg(format!("--persistence.file={}/groups", folder.display())),
            Disk::Tiny | Disk::Missing => {
                command.arg(format!("--persistence.file={}/groups", data.display()))
            }
        };
        command
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(&self.arguments)
            .current_dir(folder);
        command
    }

    async fn answers(&self, port: u16) -> bool {
        // Any status: with authentication it is a 401.
        get(&format!("http://127.0.0.1:{port}/-/ready"))
            .await
            .is_ok()
    }
}
