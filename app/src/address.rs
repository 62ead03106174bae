//! The IP address under which others reach this host.

use std::net::{IpAddr, Ipv4Addr};

/// Returns the first private IPv4 address of an interface that is up, else 127.0.0.1, as dubbo-go chooses it
/// (`common/host_util.go`). Interfaces are taken in the order of their index.
pub(crate) fn advertised() -> IpAddr {
    let mut interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.sort_by_key(|interface| interface.index);
    first_private(interfaces.iter().map(if_addrs::Interface::ip)).into()
}

fn first_private(addresses: impl IntoIterator<Item = IpAddr>) -> Ipv4Addr {
    addresses
        .into_iter()
        .find_map(|address| match address {
            IpAddr::V4(ip) if ip.is_private() => Some(ip),
            _ => None,
        })
        .unwrap_or(Ipv4Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(addresses: &[&str]) -> String {
        first_private(addresses.iter().map(|text| text.parse().unwrap())).to_string()
    }

    #[test]
    fn the_first_private_ipv4_address_is_advertised() {
        assert_eq!(
            first(&["127.0.0.1", "8.8.8.8", "fd00::1", "172.17.0.1", "10.0.0.1"]),
            "172.17.0.1"
        );
    }

    #[test]
    fn a_host_without_one_advertises_loopback() {
        assert_eq!(first(&["127.0.0.1", "203.0.113.9", "::1"]), "127.0.0.1");
    }
}
