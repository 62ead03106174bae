//! Which of a host's addresses others are told, by the rules of dubbo-go (gost `net/net.go`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Advertised;

/// How the bridges are called that containers and virtual machines of one host share; other hosts reach none of them.
const BRIDGES: [&str; 9] = [
    "br-", "cbr", "cni", "lxcbr", "lxdbr", "podman", "vboxnet", "virbr", "vmnet",
];

/// One network interface of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) up: bool,
    /// In the order of the operating system.
    pub(super) addresses: Vec<IpAddr>,
}

impl Interface {
    /// Returns all of this host, in the order of their index; none when the operating system does not tell.
    pub(super) fn all() -> Vec<Self> {
        let mut addresses = if_addrs::get_if_addrs().unwrap_or_default();
        addresses.sort_by_key(|address| address.index);
        let mut all: Vec<Self> = Vec::new();
        for address in addresses {
            let (up, ip) = (address.is_oper_up(), address.ip());
            match all.last_mut() {
                Some(last) if last.name == address.name => last.addresses.push(ip),
                _ => all.push(Self {
                    name: address.name,
                    up,
                    addresses: vec![ip],
                }),
            }
        }
        all
    }

    /// Says whether dubbo-go looks at it at all.
    fn is_candidate(&self) -> bool {
        let is_loopback = self.addresses.iter().any(IpAddr::is_loopback);
        self.up && !is_loopback && !self.name.to_lowercase().contains("docker")
    }

    fn is_bridge(&self) -> bool {
        BRIDGES.iter().any(|start| self.name.starts_with(start))
    }

    /// Returns its first IPv4 address that is not loopback: dubbo-go looks at no other.
    fn first_ipv4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|address| match address {
            IpAddr::V4(ip) if !ip.is_loopback() => Some(*ip),
            _ => None,
        })
    }

    fn first_ipv6(&self) -> Option<IpAddr> {
        let reachable = |address: &&IpAddr| match address {
            IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
            IpAddr::V4(_) => false,
        };
        self.addresses.iter().find(reachable).copied()
    }
}

/// Chooses the first private IPv4 address, or else the last other one, as dubbo-go does. Where that has nothing left, this takes the
/// first IPv6 address that is good beyond one link, and then the loopback address.
pub(super) fn chosen(interfaces: &[Interface]) -> Advertised {
    let candidates = || {
        interfaces
            .iter()
            .filter(|interface| interface.is_candidate())
    };
    let ipv4 = || {
        candidates().filter_map(|interface| interface.first_ipv4().map(|ip| (Some(interface), ip)))
    };
    let (interface, ip): (Option<&Interface>, IpAddr) = ipv4()
        .find(|(_, ip)| ip.is_private())
        .or_else(|| ipv4().next_back())
        .map(|(interface, ip)| (interface, ip.into()))
        .or_else(|| {
            candidates()
                .find_map(|interface| interface.first_ipv6().map(|ip| (Some(interface), ip)))
        })
        .unwrap_or_else(|| (None, loopback(interfaces)));
    let doubt = match (ip, interface) {
        (IpAddr::V4(ip), _) if ip.is_link_local() => {
            Some("which is good on one link only".to_owned())
        }
        (_, Some(interface)) if interface.is_bridge() => Some(format!(
            "an address of {}, which only containers or virtual machines of this host can reach",
            interface.name
        )),
        (ip, _) if ip.is_loopback() => {
            Some("which only processes on this host can reach".to_owned())
        }
        _ => None,
    };
    Advertised {
        ip,
        told: false,
        doubt,
    }
}

/// Returns the loopback address, of IPv6 where there is no other.
fn loopback(interfaces: &[Interface]) -> IpAddr {
    let has = |ip: IpAddr| {
        interfaces
            .iter()
            .any(|interface| interface.addresses.contains(&ip))
    };
    let (ipv4, ipv6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    if has(ipv6) && !has(ipv4) { ipv6 } else { ipv4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(interfaces: &[(&str, bool, &[&str])]) -> Advertised {
        let interfaces: Vec<Interface> = interfaces
            .iter()
            .map(|(name, up, addresses)| Interface {
                name: (*name).to_owned(),
                up: *up,
                addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            })
            .collect();
        chosen(&interfaces)
    }

    const LO: (&str, bool, &[&str]) = ("lo", true, &["127.0.0.1", "::1"]);

    #[track_caller]
    fn assert_chosen(interfaces: &[(&str, bool, &[&str])], ip: &str) {
        let chosen = host(interfaces);
        assert_eq!((chosen.ip.to_string().as_str(), chosen.doubt), (ip, None));
    }

    #[track_caller]
    fn assert_doubted(interfaces: &[(&str, bool, &[&str])], ip: &str, doubt: &str) {
        let chosen = host(interfaces);
        assert_eq!(chosen.ip.to_string(), ip);
        let said = chosen.doubt.expect("others can hardly reach it");
        assert!(said.contains(doubt), "{said}");
    }

    #[test]
    fn the_first_private_ipv4_address_is_chosen() {
        assert_chosen(
            &[
                LO,
                ("eth0", true, &["203.0.113.9", "2001:db8::9"]),
                ("eth1", true, &["10.0.0.1"]),
                ("eth2", true, &["192.168.1.1"]),
            ],
            "10.0.0.1",
        );
    }

    #[test]
    fn interfaces_that_are_down_or_dockers_are_left_out() {
        assert_chosen(
            &[
                LO,
                ("eth0", true, &["203.0.113.9"]),
                ("eth1", false, &["10.0.0.1"]),
                ("docker0", true, &["172.17.0.1"]),
                ("Docker_gwbridge", true, &["172.18.0.1"]),
                ("vEthernet (docker)", true, &["172.19.0.1"]),
            ],
            "203.0.113.9",
        );
    }

    #[test]
    fn without_a_private_address_the_last_other_one_is_chosen_as_dubbo_go_does() {
        assert_chosen(&[LO, ("eth0", true, &["100.64.0.7"])], "100.64.0.7");
        assert_chosen(
            &[
                LO,
                ("eth0", true, &["203.0.113.9"]),
                ("eth1", true, &["100.64.0.7"]),
            ],
            "100.64.0.7",
        );
        let first_only: &[&str] = &["203.0.113.9", "10.0.0.1"];
        assert_chosen(&[LO, ("eth0", true, first_only)], "203.0.113.9");
    }

    #[test]
    fn a_host_with_ipv6_only_is_reached_by_ipv6() {
        assert_chosen(
            &[LO, ("eth0", true, &["fe80::1", "2001:db8::9", "fd00::1"])],
            "2001:db8::9",
        );
        assert_chosen(&[LO, ("eth0", true, &["fd00::1"])], "fd00::1");
    }

    #[test]
    fn addresses_of_the_loopback_interface_are_left_out() {
        let with_service_addresses: (&str, bool, &[&str]) =
            ("lo", true, &["127.0.0.1", "10.96.0.1", "::1", "fd00::96"]);
        assert_chosen(
            &[with_service_addresses, ("eth0", true, &["100.64.0.7"])],
            "100.64.0.7",
        );
        assert_doubted(&[with_service_addresses], "127.0.0.1", "on this host");
        assert_doubted(&[("lo", true, &["::1"])], "::1", "on this host");
    }

    #[test]
    fn what_others_can_hardly_reach_is_doubted() {
        assert_doubted(&[LO], "127.0.0.1", "on this host");
        assert_doubted(&[], "127.0.0.1", "on this host");
        assert_doubted(
            &[LO, ("docker0", true, &["172.17.0.1"])],
            "127.0.0.1",
            "on this host",
        );
        assert_doubted(
            &[LO, ("eth0", true, &["fe80::1"])],
            "127.0.0.1",
            "on this host",
        );
        assert_doubted(
            &[LO, ("eth0", true, &["169.254.7.7"])],
            "169.254.7.7",
            "link",
        );
        assert_doubted(
            &[
                LO,
                ("eth0", true, &["203.0.113.9"]),
                ("br-12ab", true, &["172.18.0.1"]),
            ],
            "172.18.0.1",
            "br-12ab",
        );
    }

    #[test]
    fn the_interfaces_of_this_host_have_names_and_addresses() {
        let all = Interface::all();
        assert!(all.iter().all(|interface| !interface.name.is_empty()));
        let loopback = |interface: &Interface| interface.addresses.iter().any(IpAddr::is_loopback);
        assert!(all.iter().any(loopback), "{all:?}");
    }
}
