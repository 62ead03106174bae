//! ZooKeeper, one standalone server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::daemon::{Daemon, Launch};

/// The unit of ZooKeeper's clock: sessions are expired in steps of it.
const TICK_MILLISECONDS: u32 = 100;

/// A ZooKeeper of its own, which grants session timeouts from 200 ms to 60 s and answers every four-letter command.
#[derive(Debug)]
pub struct ZooKeeper {
    daemon: Daemon<Standalone>,
}

/// What makes a server unlike the others.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The ZooKeeper of another release: its jars in place of Debian's, but for those of the log.
    pub jars: Vec<PathBuf>,
    /// Java's system properties, such as `zookeeper.enforce.auth.enabled=true`.
    pub properties: Vec<String>,
    /// Lines of the configuration file, such as those of an ensemble, in which this server is the first.
    pub lines: Vec<String>,
    /// What `srvr` says once the server has come as far as it can; `Mode: standalone` when empty.
    pub ready: &'static str,
}

#[derive(Debug)]
pub(crate) struct Standalone {
    pub(crate) settings: Settings,
}

// === impl ZooKeeper ===

impl ZooKeeper {
    /// Starts a server with no data.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// Starts a server of this kind with no data.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    pub async fn start_with(settings: Settings) -> Self {
        assert!(
            Path::new("/usr/share/java/zookeeper.jar").exists(),
            "this test needs ZooKeeper: apt-get install --no-install-recommends zookeeper"
        );
        Self {
            daemon: Daemon::start(Standalone { settings }).await,
        }
    }

    /// Returns `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.daemon.address()
    }

    /// Returns the answer to a four-letter command such as `cons`, `dump` or `mntr`.
    ///
    /// # Errors
    /// When it does not answer within 5 s.
    pub async fn ask(&self, command: &str) -> Result<String, String> {
        ask(self.daemon.port(), command).await
    }

    /// Returns what the server has written to its log.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Kills the server (SIGKILL); sessions and data are as a crash leaves them.
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

    /// Starts the server again on the same port with the same data, after killing it if it still runs.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn restart(&mut self) {
        self.daemon.restart().await;
    }

    /// Starts the server again on the same port with no data, after killing it if it still runs.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn restart_empty(&mut self) {
        self.daemon.kill();
        std::fs::remove_dir_all(self.daemon.folder().join("data"))
            .expect("the data folder is ours");
        self.daemon.restart().await;
    }
}

// === impl Standalone ===

impl Launch for Standalone {
    const PROGRAM: (&str, &str) = ("java", "zookeeper");

    fn command(&self, port: u16, folder: &Path) -> Command {
        let data = folder.join("data");
        std::fs::create_dir_all(&data).expect("the folder is ours");
        let configuration = folder.join("zoo.cfg");
        std::fs::write(
            &configuration,
            format!(
                "tickTime={TICK_MILLISECONDS}\n\
                 minSessionTimeout=200\n\
                 maxSessionTimeout=60000\n\
                 dataDir={}\n\
                 clientPortAddress=127.0.0.1\n\
                 clientPort={port}\n\
                 maxClientCnxns=0\n\
                 admin.enableServer=false\n\
                 4lw.commands.whitelist=*\n\
                 {}\n",
                data.display(),
                self.settings.lines.join("\n")
            ),
        )
        .expect("the folder is ours");
        std::fs::write(data.join("myid"), "1").expect("the folder is ours");
        let jars = &self.settings.jars;
        let classpath = if jars.is_empty() {
            "/etc/zookeeper/conf:/usr/share/java/*".into()
        } else {
            let log = ["slf4j-api", "slf4j-simple"]
                .map(|name| PathBuf::from(format!("/usr/share/java/{name}.jar")));
            std::env::join_paths(jars.iter().chain(&log)).expect("no path has a colon")
        };
        let properties = self.settings.properties.iter();
        let mut command = Command::new("java");
        command
            // A small heap, one collector thread and no optimising compiler: a start takes half the time.
            .args([
                "-Xmx128m",
                "-Xshare:auto",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
            ])
            // The transaction log starts with 64 MB otherwise, and each write waits for the disk.
            .args(["-Dzookeeper.preAllocSize=64", "-Dzookeeper.forceSync=no"])
            .args([
                "-Dzookeeper.admin.enableServer=false",
                "-Dzookeeper.root.logger=INFO,CONSOLE",
                // Of releases that come without log4j.
                "-Dzookeeper.jmx.log4j.disable=true",
            ])
            .args(properties.map(|property| format!("-D{property}")))
            .arg("-cp")
            .arg(classpath)
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(configuration)
            .current_dir(folder);
        command
    }

    async fn answers(&self, port: u16) -> bool {
        let ready = match self.settings.ready {
            "" => "Mode: standalone",
            ready => ready,
        };
        ask(port, "srvr")
            .await
            .is_ok_and(|answer| answer.contains(ready))
    }
}

pub(crate) async fn ask(port: u16, command: &str) -> Result<String, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(command.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    timeout(Duration::from_secs(5), exchange)
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|err| format!("{command} to ZooKeeper on port {port}: {err}"))
}
