//! How to reach ZooKeeper.

use std::{fmt, str::FromStr, time::Duration};

use credentials::ClientTls;
use derive_setters::Setters;

use crate::Error;

/// Where ZooKeeper is and how to talk to it.
#[derive(Clone, Debug, Setters)]
#[setters(strip_option)]
#[non_exhaustive]
pub struct ZooKeeperConfig {
    /// Comma-separated hosts with ports (2181 when missing) and an optional chroot: `zk1:2181,zk2:2181/apps`.
    pub address: String,
    /// How this process logs in to ZooKeeper, where it has to.
    ///
    /// Nodes that an authenticated process makes can be written by it alone; [`access`](Self::access) says who can read them.
    pub auth: Option<Auth>,
    /// How long ZooKeeper keeps the session of a silent process; see [`DEFAULT_SESSION_TIMEOUT`](Self::DEFAULT_SESSION_TIMEOUT).
    pub session_timeout: Duration,
    /// How long the last known providers are kept when the list becomes empty; see
    /// [`DEFAULT_LAST_RESORT`](Self::DEFAULT_LAST_RESORT).
    pub last_resort: Duration,
    /// Who may read the nodes of a process that has authenticated itself; the member that Prometheus reads is readable to everyone.
    pub access: NodeAccess,
    /// What connections are encrypted with; nothing if none. Linux only: other systems do not tell whose a connection is.
    pub tls: Option<ClientTls>,
}

/// Who may read the nodes of a process that has authenticated itself. No other identity writes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeAccess {
    /// Those with the same credentials, as Dubbo for Java has it.
    #[default]
    Private,
    /// Everyone.
    Readable,
}

/// A text that names no [`NodeAccess`].
#[derive(Debug, thiserror::Error)]
#[error("must be private or readable")]
pub struct UnknownNodeAccess;

impl FromStr for NodeAccess {
    type Err = UnknownNodeAccess;

    fn from_str(text: &str) -> Result<Self, UnknownNodeAccess> {
        match text {
            "private" => Ok(Self::Private),
            "readable" => Ok(Self::Readable),
            _ => Err(UnknownNodeAccess),
        }
    }
}

impl ZooKeeperConfig {
    /// More keeps a dead provider listed for longer; less ends sessions over short pauses. The server has the last word:
    /// by default it allows 2 to 20 of its ticks, that is 4 to 40 seconds.
    pub const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(10);

    /// More bridges a longer loss of all registrations; less gives a service that was shut down on purpose up sooner.
    pub const DEFAULT_LAST_RESORT: Duration = Duration::from_secs(60);

    /// Makes a configuration with the defaults for everything but the address.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            auth: None,
            session_timeout: Self::DEFAULT_SESSION_TIMEOUT,
            last_resort: Self::DEFAULT_LAST_RESORT,
            access: NodeAccess::default(),
            tls: None,
        }
    }

    /// Tells whether the address can be read, without connecting.
    ///
    /// # Errors
    /// [`Error::Address`] when it can't.
    pub fn check(&self) -> Result<(), Error> {
        self.address.parse::<Address>().map(drop)
    }
}

/// Credentials in one of ZooKeeper's authentication schemes, written `scheme:credentials`, such as `digest:user:password`, or
/// `sasl:user:password` for SASL's DIGEST-MD5.
///
/// Neither `Debug` nor any error shows the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    scheme: String,
    credentials: String,
}

/// The scheme that stands for SASL.
const SASL: &str = "sasl";

impl Auth {
    pub(super) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns whether they are for SASL, and not for a scheme of ZooKeeper's own.
    pub(super) fn is_sasl(&self) -> bool {
        self.scheme == SASL
    }

    pub(super) fn user_and_password(&self) -> (&str, &str) {
        let parts = self.credentials.split_once(':');
        parts.unwrap_or((&self.credentials, ""))
    }

    pub(super) fn credentials(&self) -> &[u8] {
        self.credentials.as_bytes()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

impl FromStr for Auth {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.trim_end_matches(['\r', '\n']).split_once(':') {
            Some(("digest" | SASL, credentials)) if !credentials.contains(':') => Err(Error::Auth),
            Some((scheme, credentials)) if !scheme.is_empty() && !credentials.is_empty() => {
                Ok(Self {
                    scheme: scheme.to_owned(),
                    credentials: credentials.to_owned(),
                })
            }
            _ => Err(Error::Auth),
        }
    }
}

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// `host:port`, comma-separated.
    pub(super) hosts: String,
    /// The path below which everything lives, without a slash at its end.
    pub(super) chroot: Option<String>,
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // What a variable is set from often ends in a line end.
        let text = text.trim();
        let refused = |reason| Error::Address {
            address: without_user(text),
            reason,
        };
        if text.contains("://") || text.contains('@') {
            return Err(refused("hosts have no scheme and no user here"));
        }
        let (hosts, chroot) = match text.find('/') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        for host in hosts.split(',') {
            check_host(host.trim()).map_err(refused)?;
        }
        let chroot = chroot.trim_end_matches('/');
        if chroot
            .split('/')
            .skip(1)
            .any(|part| crate::name::reason(part).is_some())
        {
            return Err(refused("the chroot is not a ZooKeeper path"));
        }
        let hosts = hosts
            .split(',')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(",");
        Ok(Self {
            hosts,
            chroot: (!chroot.is_empty()).then(|| chroot.to_owned()),
        })
    }
}

/// Leaves out what may be a user and a password.
fn without_user(text: &str) -> String {
    match text.rfind('@') {
        Some(at) => format!("***{}", &text[at..]),
        None => text.to_owned(),
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => (
            name,
            Some(
                rest.strip_prefix(':')
                    .ok_or("a host is not host or host:port")?,
            ),
        ),
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    if !crate::instance::is_host(name) {
        return Err("a host is missing or not a host");
    }
    match port.map(str::parse::<u16>) {
        None => Ok(()),
        Some(Ok(port)) if port > 0 => Ok(()),
        Some(_) => Err("a port is not a number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_and_chroot_are_taken_apart() {
        let cases = [
            ("127.0.0.1:2181", "127.0.0.1:2181", None),
            ("zk", "zk", None),
            (
                "zk1:2181, zk2:2182/apps/dev/",
                "zk1:2181,zk2:2182",
                Some("/apps/dev"),
            ),
            ("[::1]:2181/", "[::1]:2181", None),
            ("zk:2181\n", "zk:2181", None),
            (" zk:2181/apps\r\n", "zk:2181", Some("/apps")),
        ];
        for (text, hosts, chroot) in cases {
            let expected = Address {
                hosts: hosts.into(),
                chroot: chroot.map(str::to_owned),
            };
            assert_eq!(text.parse::<Address>().unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_is_refused_with_the_address_and_the_reason() {
        for text in [
            "",
            ",",
            "zk:0",
            "zk:port",
            "zk:99999",
            "zookeeper://zk",
            "zk1,,zk2",
            "zk//a",
            "zk/a/../b",
            "[::1]2181",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
            assert!(ZooKeeperConfig::new(text).check().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_shown() {
        for text in ["user:secret@zk:2181", "zookeeper://user:secret@zk:2181/a"] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(
                error.contains("zk:2181") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,60}", pieces in "[a-z0-9:,/\\[\\]@.]{0,40}") {
            let _ = text.parse::<Auth>();
            for text in [text, pieces] {
                if let Ok(Address { hosts, chroot }) = text.parse::<Address>() {
                    prop_assert!(!hosts.is_empty() && !hosts.contains('/'));
                    prop_assert!(chroot.is_none_or(|chroot| chroot.starts_with('/') && !chroot.ends_with('/')));
                }
            }
        }
    }

    #[test]
    fn credentials_are_never_shown() {
        let auth: Auth = "digest:user:secret\n".parse().unwrap();
        assert_eq!(
            (auth.scheme(), auth.credentials()),
            ("digest", &b"user:secret"[..])
        );
        let config = ZooKeeperConfig {
            auth: Some(auth),
            ..ZooKeeperConfig::new("zk")
        };
        let shown = format!("{config:?}");
        assert!(
            shown.contains("digest") && !shown.contains("secret") && !shown.contains("user"),
            "{shown}"
        );
    }

    #[test]
    fn credentials_without_a_scheme_are_refused_without_being_shown() {
        for text in [
            "",
            "secret",
            ":secret",
            "digest:",
            "digest:secret",
            "sasl:secret",
        ] {
            let error = text.parse::<Auth>().unwrap_err().to_string();
            assert!(
                error.contains("scheme:credentials") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
