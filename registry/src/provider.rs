//! One provider in a consumer's list.

use std::{collections::BTreeMap, sync::Arc};

/// The weight of a provider that registers none.
///
/// dubbo-go registers 0 where its user set nothing, so 0 means this too.
pub const DEFAULT_WEIGHT: u32 = 100;

/// A process that offers the service of a [`Reference`](crate::Reference), as the registry describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The host that was registered: an address or a name.
    pub host: String,
    /// The port of its Triple endpoint.
    pub port: u16,
    /// The application it belongs to; empty when the registry does not say.
    pub application: String,
    /// The interface that was asked for.
    pub interface: String,
    /// The service group, empty for none.
    pub group: String,
    /// The version, empty for none.
    pub version: String,
    /// Its share of the calls beside the others' weights, at least 1.
    pub weight: u32,
    /// Whether the registry lists it now. `false` marks a last resort: the registry's list has become empty, and this
    /// provider was on it until shortly before. Drop it as soon as its connections fail.
    pub listed: bool,
    /// The parameters that it registered for the service, such as `timestamp` and `methods`; empty when its metadata is
    /// not known.
    pub params: Arc<BTreeMap<String, String>>,
}

impl Provider {
    /// Returns `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        address(&self.host, self.port)
    }
}

/// Joins host and port, with brackets around an IPv6 address.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Reads the weight from a service's parameters: [`DEFAULT_WEIGHT`] when it is missing, zero or not a number.
pub(crate) fn weight(params: &BTreeMap<String, String>) -> u32 {
    params
        .get("weight")
        .and_then(|weight| weight.parse().ok())
        .filter(|weight| *weight > 0)
        .unwrap_or(DEFAULT_WEIGHT)
}

/// Sorts a list of providers by address and keeps one of each.
pub(crate) fn ordered(mut providers: Vec<Provider>) -> Vec<Provider> {
    providers.sort_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
    providers.dedup_by(|a, b| a.host == b.host && a.port == b.port);
    providers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_hosts_get_brackets() {
        assert_eq!(address("10.0.0.1", 20000), "10.0.0.1:20000");
        assert_eq!(address("::1", 20000), "[::1]:20000");
        assert_eq!(address("[::1]", 20000), "[::1]:20000");
    }

    #[test]
    fn a_weight_that_is_not_positive_is_the_default() {
        let of = |text: &str| weight(&BTreeMap::from([("weight".into(), text.into())]));
        assert_eq!(of("200"), 200);
        for text in ["0", "-5", "", "heavy", "99999999999"] {
            assert_eq!(of(text), DEFAULT_WEIGHT, "weight {text:?}");
        }
        assert_eq!(weight(&BTreeMap::new()), DEFAULT_WEIGHT);
    }
}
