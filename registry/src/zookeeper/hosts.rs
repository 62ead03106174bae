//! The servers behind the names of an address.

use std::time::Duration;

use tokio::{net::lookup_host, time::timeout};

/// ZooKeeper's own port, for a host that is written without one.
const PORT: u16 = 2181;

/// How long a name may take to be resolved before it is left to the client.
const LIMIT: Duration = Duration::from_secs(2);

/// How often each name, and each address of a name that has several, stands in a [`round`](Hosts::round). By its name a server is found
/// again that has moved. An address is there for the case that the name leads to a server that takes connections and answers nothing
/// else; behind an address that is gone, a client can wait for two fifths of a session's time, so there are few of them.
const NAMES: usize = 10;
const ADDRESSES: usize = 2;

/// An address for the client, which tries only the first IP address of a name that takes connections.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hosts {
    /// Every server once: the name, or in its place all its addresses where it has several.
    pub(super) each: String,
    /// For every server a name.
    pub(super) names: String,
}

impl Hosts {
    /// Returns the hosts for a client that looks for its server often enough. Its pauses double with each round through its hosts, up to
    /// half the time that a session lives; within a round they are short. So every server stands there often enough to make one round as
    /// long as a session.
    pub(super) fn round(&self) -> String {
        let names = std::iter::repeat_n(self.names.as_str(), NAMES);
        let addresses = std::iter::repeat_n(self.each.as_str(), ADDRESSES);
        names.chain(addresses).collect::<Vec<_>>().join(",")
    }
}

/// Resolves the names. One that cannot be resolved, or has one address, stays as it is.
pub(super) async fn resolved(hosts: &str) -> Hosts {
    let (mut each, mut names) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let addresses = addresses(host).await;
        if addresses.len() > 1 {
            names.extend(std::iter::repeat_n(host, addresses.len()));
            each.extend(addresses);
        } else {
            names.push(host);
            each.push(host.to_owned());
        }
    }
    Hosts {
        each: each.join(","),
        names: names.join(","),
    }
}

async fn addresses(host: &str) -> Vec<String> {
    let mut addresses = match timeout(LIMIT, lookup_host(with_port(host))).await {
        Ok(Ok(addresses)) => addresses.map(|address| address.to_string()).collect(),
        _ => Vec::new(),
    };
    addresses.dedup();
    addresses
}

/// Returns the host with a port: its own, or else ZooKeeper's.
pub(super) fn with_port(host: &str) -> String {
    match host.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
        _ => format!("{host}:{PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_with_one_address_and_a_name_unknown_stay_as_they_are() {
        for hosts in ["127.0.0.1:2181", "[::1]:2181,zookeeper.invalid", "[::1]"] {
            let expected = Hosts {
                each: hosts.to_owned(),
                names: hosts.to_owned(),
            };
            assert_eq!(resolved(hosts).await, expected);
        }
    }

    #[test]
    fn a_round_leads_to_names_rather_than_to_addresses_that_may_be_gone() {
        let hosts = Hosts {
            each: "10.0.0.1:2181,10.0.0.2:2181".to_owned(),
            names: "zk:2181,zk:2181".to_owned(),
        };
        let round = hosts.round();
        let of = |host: &str| round.split(',').filter(|found| *found == host).count();
        assert_eq!(
            (of("zk:2181"), of("10.0.0.1:2181"), of("10.0.0.2:2181")),
            (20, 2, 2)
        );
    }

    #[test]
    fn a_port_is_added_where_there_is_none() {
        for (host, expected) in [
            ("zk", "zk:2181"),
            ("zk:2182", "zk:2182"),
            ("[::1]", "[::1]:2181"),
            ("[fd00::2]:2182", "[fd00::2]:2182"),
        ] {
            assert_eq!(with_port(host), expected);
        }
    }
}
