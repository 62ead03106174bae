//! The servers behind the names of an address.

use std::time::Duration;

use tokio::{net::lookup_host, time::timeout};

/// ZooKeeper's own port, for a host that is written without one.
const PORT: u16 = 2181;

/// How long a name may take to be resolved before it is left to the client.
const LIMIT: Duration = Duration::from_secs(2);

/// An address for the client, which tries only the first IP address of a name that takes connections.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hosts {
    /// Every server once: the name, or in its place all its addresses where it has several.
    pub(super) each: String,
    /// The same, and the name before each of its addresses: by it a server is found again that has moved. Addresses that are gone then
    /// cost at most every other attempt, and a session lives through that.
    pub(super) all: String,
}

/// Resolves the names. One that cannot be resolved, or has one address, stays as it is.
pub(super) async fn resolved(hosts: &str) -> Hosts {
    let (mut each, mut all) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let addresses = addresses(host).await;
        if addresses.len() > 1 {
            let beside = addresses.iter().map(|address| [host, address]);
            all.extend(beside.flatten().map(str::to_owned));
            each.extend(addresses);
        } else {
            all.push(host.to_owned());
            each.push(host.to_owned());
        }
    }
    Hosts {
        each: each.join(","),
        all: all.join(","),
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
                all: hosts.to_owned(),
            };
            assert_eq!(resolved(hosts).await, expected);
        }
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
