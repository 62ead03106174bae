//! What it takes to reach a Pushgateway: address, credentials, TLS, patience.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use credentials::{Identity, Secret};

use crate::address::Address;

/// How long one request may take: more only delays the notice that a gateway hangs, less gives up on a busy one.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What it takes to reach a Pushgateway.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Access {
    /// Where the gateway is.
    pub address: Address,
    /// How to prove who is asking.
    pub credentials: Credentials,
    /// Whom to trust, for `https` addresses.
    pub tls: Tls,
    /// The deadline of each PUT and DELETE; [`DEFAULT_TIMEOUT`] unless set.
    pub timeout: Duration,
}

/// How to prove who is asking; `Debug` shows the kind alone.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// Basic authentication.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Bearer(Secret),
}

/// Whom to trust, and how to be trusted, over TLS.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// A PEM file of certificate authorities, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// A certificate to show to the gateway.
    pub identity: Option<Identity>,
    /// Accepts any certificate of any host: the connection can be read and changed by a host in between.
    pub insecure: bool,
}

impl Access {
    /// Makes the access to an address with the credentials that its URL carries, if any, and defaults for the rest.
    pub fn new(address: Address) -> Self {
        let credentials = match address.user() {
            Some((user, password)) => Credentials::Basic {
                user: user.to_owned(),
                password: Secret::text(password),
            },
            None => Credentials::None,
        };
        Self {
            address,
            credentials,
            tls: Tls::default(),
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic { .. }",
            Self::Bearer(_) => "Bearer(..)",
        })
    }
}
