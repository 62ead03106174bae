//! The IP address under which others reach this host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Once;

mod interface;

use interface::Interface;

/// The address that is registered for others to connect to, and how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advertised {
    /// The address.
    pub(crate) ip: IpAddr,
    /// Whether an option names it.
    told: bool,
    /// Why others can hardly reach it; never of an address that an option names.
    doubt: Option<String>,
}

impl Advertised {
    /// Takes what an option names, or else chooses an address of this host by dubbo-go's rules.
    pub(crate) fn of(told: Option<IpAddr>) -> Self {
        match told {
            Some(ip) => Self {
                ip,
                told: true,
                doubt: None,
            },
            None => interface::chosen(&Interface::all()),
        }
    }

    /// Takes the one address that is listened on, unless an option names another.
    pub(crate) fn listening_on(&mut self, ip: IpAddr) {
        if !self.told && !ip.is_unspecified() {
            *self = Self {
                ip,
                told: false,
                doubt: None,
            };
        }
    }

    /// Warns of an address that others can hardly reach, or at which nothing listens: `listening` is where something does, chosen by
    /// `option`.
    pub(crate) fn check(&self, listening: SocketAddr, option: &str) {
        let ip = self.ip;
        // Once, whatever is registered: a provider, a scrape target, or both.
        static TOLD: Once = Once::new();
        if let Some(doubt) = &self.doubt {
            TOLD.call_once(|| {
                tracing::warn!(
                    "{ip} is registered, {doubt}: name another address with --advertise-ip (DUBBO_IP_TO_REGISTRY)"
                );
            });
        }
        if !covers(listening.ip(), ip, |ip| {
            interface::has_family(&Interface::all(), ip)
        }) {
            tracing::warn!(
                "{ip} is registered, but {listening} is all that this process listens on: unless something passes connections on, \
                 nothing answers there; see --advertise-ip and {option}"
            );
        }
    }
}

/// Says whether a socket on one address answers at another. `::` is for both families, see [`guarded_http::listen`], as far as
/// `host_has` addresses of the one that is asked for.
fn covers(listening: IpAddr, ip: IpAddr, host_has: impl Fn(IpAddr) -> bool) -> bool {
    match listening {
        IpAddr::V6(all) if all.is_unspecified() => host_has(ip),
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => ip.to_canonical().is_ipv4(),
        one => one.to_canonical() == ip.to_canonical(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn a_socket_answers_at_its_own_address_or_at_all_of_its_family() {
        for (listening, ip, expected) in [
            ("::", "::1", true),
            ("::", "10.0.0.1", true),
            ("0.0.0.0", "10.0.0.1", true),
            ("0.0.0.0", "::ffff:10.0.0.1", true),
            ("0.0.0.0", "::1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "10.0.0.1", false),
            ("::1", "::1", true),
            ("::1", "127.0.0.1", false),
        ] {
            let [listening, ip] = [listening, ip].map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(
                covers(listening, ip, |_| true),
                expected,
                "{listening}, {ip}"
            );
        }
        let all = IpAddr::from(Ipv6Addr::UNSPECIFIED);
        assert!(!covers(all, Ipv6Addr::LOCALHOST.into(), |ip| ip.is_ipv4()));
        assert!(!covers(all, Ipv4Addr::LOCALHOST.into(), |ip| ip.is_ipv6()));
    }

    #[test]
    fn an_address_that_an_option_names_is_not_doubted() {
        let told = Advertised::of(Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!((told.ip, told.doubt), (Ipv4Addr::LOCALHOST.into(), None));
    }

    #[test]
    fn the_one_address_that_is_listened_on_is_registered_unless_an_option_names_another() {
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let mut advertised = Advertised::of(None);
        let chosen = advertised.ip;
        advertised.listening_on(Ipv4Addr::UNSPECIFIED.into());
        assert_eq!(advertised.ip, chosen);
        advertised.listening_on(one);
        assert_eq!(advertised.ip, one);
        let mut told = Advertised::of(Some(other));
        told.listening_on(one);
        assert_eq!(told.ip, other);
    }
}
