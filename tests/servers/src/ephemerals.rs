//! Who is registered, as ZooKeeper itself sees it.

use std::collections::{BTreeMap, BTreeSet};

use crate::zookeeper::ZooKeeper;

/// The ephemeral nodes of a server, and the sessions that are connected to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ephemerals {
    /// Path to the session that holds it, as `0x…`.
    owners: BTreeMap<String, String>,
    connected: BTreeSet<String>,
}

impl Ephemerals {
    /// Asks the server.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn of(zookeeper: &ZooKeeper) -> Result<Self, String> {
        let dump = zookeeper.ask("dump").await?;
        let connections = zookeeper.ask("cons").await?;
        Ok(Self {
            owners: owners(&dump),
            connected: connected(&connections),
        })
    }

    /// Returns the nodes of applications' instances, such as `/services/dubbo.io/127.0.0.1:20000`.
    pub fn instances(&self) -> BTreeSet<&str> {
        self.owners
            .keys()
            .map(String::as_str)
            .filter(|path| path.starts_with("/services/"))
            .collect()
    }

    /// Returns the session that holds `path`, as `0x…`.
    pub fn owner(&self, path: &str) -> Option<&str> {
        self.owners.get(path).map(String::as_str)
    }

    /// Returns whether the session that holds `path` has a connection now, so that the node is no leftover.
    pub fn is_held(&self, path: &str) -> bool {
        self.owners
            .get(path)
            .is_some_and(|session| self.connected.contains(session))
    }
}

/// Reads the part of `dump` in which each session is followed by its nodes.
fn owners(dump: &str) -> BTreeMap<String, String> {
    let mut session = "";
    let mut owners = BTreeMap::new();
    for line in dump.lines() {
        if let Some(path) = line.strip_prefix('\t') {
            if path.starts_with('/') {
                owners.insert(path.to_owned(), session.to_owned());
            }
        } else {
            session = line.trim_end_matches(':');
        }
    }
    owners
}

/// Reads `sid=0x…` from each line of `cons`.
fn connected(connections: &str) -> BTreeSet<String> {
    connections
        .lines()
        .filter_map(|line| line.split_once("sid=")?.1.split(',').next())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_held_while_its_session_is_connected() {
        let ephemerals = Ephemerals {
            owners: owners(
                "SessionTracker dump:\nSession Sets (1)/(2):\n2 expire at Sun Nov 22 15:00:00 UTC 2026:\n\t0x1a\n\t0x1b\n\
                 ephemeral nodes dump:\nSessions with Ephemerals (2):\n0x1a:\n\t/services/a/127.0.0.1:1\n0x1b:\n\
                 \t/services/b/127.0.0.1:2\n\t/prometheus/dubbo/member_1\nConnections dump:\n",
            ),
            connected: connected(
                " /127.0.0.1:40000[1](queued=0,recved=9,sent=9,sid=0x1a,lop=PING,est=1,to=3000)\n \
                 /127.0.0.1:40001[0](queued=0,recved=1,sent=0)\n",
            ),
        };
        assert_eq!(
            ephemerals.instances(),
            BTreeSet::from(["/services/a/127.0.0.1:1", "/services/b/127.0.0.1:2"])
        );
        assert!(ephemerals.is_held("/services/a/127.0.0.1:1"));
        assert!(
            !ephemerals.is_held("/services/b/127.0.0.1:2"),
            "0x1b is gone"
        );
        assert!(
            !ephemerals.is_held("/services/c/127.0.0.1:3"),
            "no such node"
        );
    }
}
