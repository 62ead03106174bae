//! Which of a host's addresses others are told, by the rules of dubbo-go (gost `net/net.go`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Advertised;

/// How the names of the interfaces begin that containers and virtual machines of one host share; other hosts reach none of them.
const BRIDGES: [&str; 24] = [
    "bridge10", // macOS, for what it shares with virtual machines
    "br-",
    "cali",
    "cbr",
    "cilium",
    "cni",
    "flannel",
    "incusbr",
    "kube-",
    "lxcbr",
    "lxdbr",
    "mpqemubr",
    "nerdctl",
    "podman",
    "VirtualBox",
    "vboxnet",
    "vEthernet",
    "veth",
    "virbr",
    "vmenet",
    "vmnet",
    "VMware",
    "vnet",
    "weave",
];

/// How those of tunnels begin: of private networks, and of containers that a process of a user connects.
const TUNNELS: [&str; 6] = ["tailscale", "tap", "tun", "utun", "wg", "zt"];

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
        let addresses = addresses.into_iter();
        Self::of(addresses.map(|address| {
            let (up, ip) = (address.is_oper_up(), address.ip());
            (address.name, up, ip)
        }))
    }

    /// Puts the addresses of each interface together. On Linux an address may have a label in place of the interface's name, such as
    /// `lo:0`, whose part before the colon is that name.
    fn of(addresses: impl Iterator<Item = (String, bool, IpAddr)>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (label, up, ip) in addresses {
            let name = label.split(':').next().unwrap_or_default();
            match all.iter_mut().find(|interface| interface.name == name) {
                Some(interface) => interface.addresses.push(ip),
                None => all.push(Self {
                    name: name.to_owned(),
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

    /// Returns who alone can reach its addresses, if that is to be told from its name.
    fn audience(&self) -> Option<&'static str> {
        let is_one_of = |names: &[&str]| names.iter().any(|start| self.name.starts_with(start));
        if is_one_of(&BRIDGES) {
            Some("containers or virtual machines of this host")
        } else if is_one_of(&TUNNELS) {
            Some("hosts at the other end of this tunnel")
        } else {
            None
        }
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
        (ip, _) if ip.is_loopback() => {
            Some("which only processes on this host can reach".to_owned())
        }
        (_, interface) => interface.and_then(|interface| {
            let (name, audience) = (&interface.name, interface.audience()?);
            Some(format!(
                "an address of {name}, which only {audience} can reach"
            ))
        }),
    };
    Advertised {
        ip,
        told: false,
        doubt,
    }
}

/// Says whether a host has an address of the same family. One that does not tell its addresses may have any.
pub(super) fn has_family(interfaces: &[Interface], ip: IpAddr) -> bool {
    let mut addresses = interfaces.iter().flat_map(|interface| &interface.addresses);
    interfaces.is_empty()
        || addresses.any(|address| address.is_ipv4() == ip.to_canonical().is_ipv4())
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
    fn a_private_address_of_a_bridge_or_a_tunnel_is_chosen_before_a_public_one_and_doubted() {
        for (name, audience) in [
            ("br-12ab", "containers"),
            ("bridge100", "containers"),
            ("cni0", "containers"),
            ("flannel.1", "containers"),
            ("podman1", "containers"),
            ("veth1a2b3c", "containers"),
            ("vEthernet (WSL)", "containers"),
            ("virbr0", "containers"),
            ("tun0", "tunnel"),
            ("tap0", "tunnel"),
            ("utun4", "tunnel"),
            ("wg0", "tunnel"),
        ] {
            let eth0 = ("eth0", true, ["203.0.113.9"]);
            let other = (name, true, ["10.88.0.1"]);
            let hosts = [[eth0, other], [other, eth0]];
            for [first, second] in hosts {
                let interfaces = [LO, (first.0, true, &first.2), (second.0, true, &second.2)];
                assert_doubted(&interfaces, "10.88.0.1", audience);
                assert_doubted(&interfaces, "10.88.0.1", name);
            }
            // One that is down is none, and what has an address of its own network before it is not asked.
            assert_chosen(
                &[
                    LO,
                    ("eth0", true, &["203.0.113.9"]),
                    (name, false, &other.2),
                ],
                "203.0.113.9",
            );
            assert_chosen(
                &[LO, ("eth0", true, &["10.0.0.7"]), (name, true, &other.2)],
                "10.0.0.7",
            );
        }
    }

    #[test]
    fn a_host_without_ipv6_answers_at_none_of_its_addresses() {
        let host = |addresses: &[&str]| {
            [Interface {
                name: "eth0".to_owned(),
                up: true,
                addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            }]
        };
        let [ipv4, mapped, ipv6] =
            ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"].map(|text| text.parse().unwrap());
        let old = host(&["192.168.1.20"]);
        assert!(has_family(&old, ipv4) && has_family(&old, mapped));
        assert!(!has_family(&old, ipv6));
        let new = host(&["fe80::1"]);
        assert!(has_family(&new, ipv6) && !has_family(&new, ipv4));
        assert!(has_family(&[], ipv6) && has_family(&[], ipv4));
    }

    #[test]
    fn interfaces_of_hosts_have_names_of_their_own() {
        for name in [
            "eth0",
            "ens3",
            "enp0s31f6",
            "wlan0",
            "wlp2s0",
            "bond0",
            "br0",
            "vlan7",
            "venet0",
            "en0",
            "bridge0",
            "Ethernet",
            "Wi-Fi",
        ] {
            assert_chosen(&[LO, (name, true, &["192.168.1.20"])], "192.168.1.20");
        }
    }

    #[test]
    fn ipv6_of_a_bridge_alone_is_doubted() {
        assert_doubted(
            &[LO, ("br-12ab", true, &["fe80::1", "fd00:d0b0::1"])],
            "fd00:d0b0::1",
            "br-12ab",
        );
    }

    #[test]
    fn an_address_with_a_label_belongs_to_its_interface() {
        let addresses = [
            ("lo", "127.0.0.1"),
            ("lo:0", "10.1.1.100"),
            ("eth0", "203.0.113.9"),
            ("eth0:web", "10.0.0.5"),
            ("lo", "::1"),
        ];
        let interfaces = Interface::of(
            addresses
                .into_iter()
                .map(|(label, ip)| (label.to_owned(), true, ip.parse().unwrap())),
        );
        let names: Vec<&str> = interfaces.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["lo", "eth0"]);
        // A service's address on the loopback interface is no address of this host alone, and dubbo-go looks at the first of each.
        let chosen = chosen(&interfaces);
        assert_eq!(chosen.ip.to_string(), "203.0.113.9");
        assert_eq!(chosen.doubt, None);
    }

    #[test]
    fn the_interfaces_of_this_host_have_names_and_addresses() {
        let all = Interface::all();
        assert!(all.iter().all(|interface| !interface.name.is_empty()));
        let loopback = |interface: &Interface| interface.addresses.iter().any(IpAddr::is_loopback);
        assert!(all.iter().any(loopback), "{all:?}");
    }
}
