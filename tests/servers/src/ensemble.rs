//! ZooKeeper, three servers that elect a leader.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::daemon::{Daemon, Launch};
use crate::eventually::{LONG, eventually};
use crate::port::free_port;
use crate::proxy::TcpProxy;
use crate::zookeeper::{Settings, Standalone, ask};

/// How many servers there are: one may be missing.
const MEMBERS: usize = 3;

/// Three ZooKeepers with one tree. Between each two of them stand proxies, so that one can be cut off from the others.
#[derive(Debug)]
pub struct Ensemble {
    members: Vec<Daemon<Member>>,
    /// From one member to another: the ways of votes and of transactions.
    ways: BTreeMap<(usize, usize), [TcpProxy; 2]>,
}

/// One server of an ensemble.
#[derive(Debug)]
struct Member {
    number: usize,
    settings: Settings,
    /// Where it reaches each member, itself included: transactions and votes.
    peers: Vec<[String; 2]>,
}

// === impl Ensemble ===

impl Ensemble {
    /// Starts three servers with no data, and returns once each has found its place.
    ///
    /// # Panics
    /// When ZooKeeper is not installed, or no leader is elected.
    pub async fn start() -> Self {
        Self::start_with(|_| Settings::default()).await
    }

    /// Starts three servers with no data, each with the settings of its number, and returns once each has found its place.
    ///
    /// # Panics
    /// When ZooKeeper is not installed, or no leader is elected.
    pub async fn start_with(settings: impl Fn(usize) -> Settings) -> Self {
        let own: Vec<[u16; 2]> = (0..MEMBERS).map(|_| [free_port(), free_port()]).collect();
        let mut ways = BTreeMap::new();
        for from in 0..MEMBERS {
            for to in (0..MEMBERS).filter(|to| *to != from) {
                let way = async |port: u16| TcpProxy::start(format!("127.0.0.1:{port}")).await;
                ways.insert((from, to), [way(own[to][0]).await, way(own[to][1]).await]);
            }
        }
        let member = |number: usize| Member {
            number,
            settings: settings(number),
            peers: (0..MEMBERS)
                .map(|to| match ways.get(&(number, to)) {
                    Some(way) => way.each_ref().map(TcpProxy::address),
                    None => own[to].map(|port| format!("127.0.0.1:{port}")),
                })
                .collect(),
        };
        let (one, two, three) = tokio::join!(
            Daemon::start(member(0)),
            Daemon::start(member(1)),
            Daemon::start(member(2))
        );
        Self {
            members: vec![one, two, three],
            ways,
        }
    }

    /// Returns the addresses of all servers, as clients are told them.
    pub fn address(&self) -> String {
        let addresses: Vec<_> = self.members.iter().map(Daemon::address).collect();
        addresses.join(",")
    }

    /// Waits for a leader, and returns its number.
    pub async fn leader(&self) -> usize {
        self.one_that_is("leader").await
    }

    /// Waits for a follower, and returns its number.
    pub async fn follower(&self) -> usize {
        self.one_that_is("follower").await
    }

    async fn one_that_is(&self, role: &str) -> usize {
        eventually(LONG, &format!("there is a {role}"), async || {
            for (number, member) in self.members.iter().enumerate() {
                if mode(member.port()).await.as_deref() == Some(role) {
                    return Some(number);
                }
            }
            None
        })
        .await
    }

    /// Returns the answer of a server to a four-letter command.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(&self, number: usize, command: &str) -> Result<String, String> {
        ask(self.members[number].port(), command).await
    }

    /// Kills a server.
    pub fn kill(&mut self, number: usize) {
        self.members[number].kill();
    }

    /// Starts a server again that was killed.
    ///
    /// # Panics
    /// When it does not find its place.
    pub async fn restart(&mut self, number: usize) {
        self.members[number].restart().await;
    }

    /// Stops the process of a server (SIGSTOP).
    pub fn stop_process(&mut self, number: usize) {
        self.members[number].stop();
    }

    /// Lets a stopped process go on.
    pub fn continue_process(&mut self, number: usize) {
        self.members[number].signal(Signal::CONT);
    }

    /// Cuts a server off from the others; its clients reach it.
    pub fn cut_off(&self, number: usize) {
        self.between(number, TcpProxy::block);
    }

    /// Lets a server reach the others again.
    pub fn restore(&self, number: usize) {
        self.between(number, TcpProxy::restore);
    }

    fn between(&self, number: usize, change: fn(&TcpProxy)) {
        for ((from, to), way) in &self.ways {
            if *from == number || *to == number {
                way.iter().for_each(change);
            }
        }
    }

    /// Waits until every server has its place again.
    pub async fn whole(&self) {
        for member in &self.members {
            eventually(LONG, "every server has its place", async || {
                mode(member.port()).await
            })
            .await;
        }
    }
}

/// Returns a server's part in its ensemble; none while it has none.
async fn mode(port: u16) -> Option<String> {
    let answer = ask(port, "srvr").await.ok()?;
    let mode = answer
        .lines()
        .find_map(|line| line.strip_prefix("Mode: "))?;
    Some(mode.to_owned())
}

// === impl Member ===

impl Launch for Member {
    const PROGRAM: (&str, &str) = ("java", "zookeeper");

    fn command(&self, port: u16, folder: &Path) -> Command {
        let peers = self.peers.iter().enumerate();
        let peers: String = peers
            .map(|(number, [transactions, votes])| {
                let votes = votes.rsplit(':').next().unwrap_or_default();
                format!("server.{}={transactions}:{votes}\n", number + 1)
            })
            .collect();
        let mut settings = self.settings.clone();
        let ensemble = format!("initLimit=100\nsyncLimit=50\n{peers}");
        settings.lines.push(ensemble);
        let standalone = Standalone { settings };
        let command = standalone.command(port, folder);
        let number = (self.number + 1).to_string();
        std::fs::write(folder.join("data/myid"), number).expect("the folder is ours");
        command
    }

    async fn answers(&self, port: u16) -> bool {
        let mode = tokio::time::timeout(Duration::from_secs(5), mode(port)).await;
        matches!(mode, Ok(Some(_)))
    }
}
