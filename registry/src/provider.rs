//! One provider in a consumer's list.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The weight of a provider that registers none.
pub const DEFAULT_WEIGHT: u32 = 100;

/// How long a provider warms up that does not say how long, as Dubbo has it.
pub const DEFAULT_WARMUP: Duration = Duration::from_secs(600);

/// How the parameter `release` of a dubbo-go provider begins.
const DUBBO_GO: &str = "dubbo-golang";

/// The first timestamp that cannot be in seconds (the year 5138), and is in milliseconds (1973).
const FIRST_MILLISECONDS: u64 = 100_000_000_000;

/// A process that offers the service of a [`Reference`](crate::Reference), as the registry describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEntry {
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
    /// Its share of the calls beside the others' weights. 0 asks for no calls as long as a provider with a weight is there.
    pub weight: u32,
    /// Whether the registry lists it now. `false` marks a last resort: the registry's list has become empty, and this
    /// provider was on it until shortly before. Drop it as soon as its connections fail.
    pub listed: bool,
    /// The parameters that it registered for the service, such as `timestamp` and `methods`; empty when its metadata is
    /// not known.
    pub params: Arc<BTreeMap<String, String>>,
}

impl ProviderEntry {
    /// Returns `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        address(&self.host, self.port)
    }

    /// Returns when it was started, if it says so: the beginning of its warm-up.
    ///
    /// Dubbo for Java and this crate register milliseconds, dubbo-go seconds; both are understood.
    pub fn started(&self) -> Option<SystemTime> {
        let timestamp: u64 = self.params.get("timestamp")?.parse().ok()?;
        let since_1970 = match timestamp {
            0 => return None,
            seconds if seconds < FIRST_MILLISECONDS => Duration::from_secs(seconds),
            milliseconds => Duration::from_millis(milliseconds),
        };
        UNIX_EPOCH.checked_add(since_1970)
    }

    /// Returns how long after its start it is given fewer calls than its weight says: ten minutes unless it says otherwise.
    pub fn warmup(&self) -> Duration {
        match self.params.get("warmup").and_then(|text| text.parse().ok()) {
            None => DEFAULT_WARMUP,
            Some(seconds) if is_dubbo_go(&self.params) => Duration::from_secs(seconds),
            Some(milliseconds) => Duration::from_millis(milliseconds),
        }
    }
}

/// Joins host and port, with brackets around an IPv6 address.
pub(crate) fn address(host: &str, port: u16) -> String {
    format!("{}:{port}", bracketed(host))
}

/// Puts brackets around an IPv6 address, as a URL has them; other hosts stay as they are.
pub(crate) fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]").into()
    } else {
        host.into()
    }
}

/// Takes the brackets from an IPv6 address: both forms are registered, and mean one host.
pub(crate) fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// Reads the weight from a service's parameters: [`DEFAULT_WEIGHT`] when it is missing or not a number from 0.
///
/// dubbo-go registers 0 where its user set nothing, so its 0 means the default, too.
pub(crate) fn weight(params: &BTreeMap<String, String>) -> u32 {
    params
        .get("weight")
        .and_then(|weight| weight.parse().ok())
        .filter(|weight| *weight > 0 || !is_dubbo_go(params))
        .unwrap_or(DEFAULT_WEIGHT)
}

fn is_dubbo_go(params: &BTreeMap<String, String>) -> bool {
    let release = params.get("release");
    release.is_some_and(|release| release.starts_with(DUBBO_GO))
}

/// Sorts a list of providers by address and keeps one of each.
pub(crate) fn ordered(mut providers: Vec<ProviderEntry>) -> Vec<ProviderEntry> {
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
        assert_eq!(bare("[::1]"), bare("::1"));
        assert_eq!(
            (bare("10.0.0.1"), bare("["), bare("")),
            ("10.0.0.1", "[", "")
        );
    }

    fn params<const N: usize>(params: [(&str, &str); N]) -> BTreeMap<String, String> {
        let owned = params.map(|(key, value)| (key.to_owned(), value.to_owned()));
        owned.into()
    }

    fn provider<const N: usize>(of: [(&str, &str); N]) -> ProviderEntry {
        ProviderEntry {
            host: "h".into(),
            port: 1,
            application: String::new(),
            interface: String::new(),
            group: String::new(),
            version: String::new(),
            weight: DEFAULT_WEIGHT,
            listed: true,
            params: Arc::new(params(of)),
        }
    }

    #[test]
    fn a_weight_that_is_no_number_is_the_default() {
        let of = |text: &str| weight(&params([("weight", text)]));
        assert_eq!(of("200"), 200);
        assert_eq!(of("0"), 0);
        for text in ["-5", "", "heavy", "99999999999"] {
            assert_eq!(of(text), DEFAULT_WEIGHT, "weight {text:?}");
        }
        assert_eq!(weight(&BTreeMap::new()), DEFAULT_WEIGHT);
    }

    #[test]
    fn the_zero_that_dubbo_go_writes_where_nothing_is_set_is_the_default() {
        let of = |text: &str| {
            weight(&params([
                ("weight", text),
                ("release", "dubbo-golang-3.3.2"),
            ]))
        };
        assert_eq!(of("0"), DEFAULT_WEIGHT);
        assert_eq!(of("7"), 7);
    }

    #[test]
    fn the_start_is_read_in_milliseconds_and_in_seconds() {
        let started = |text: &str| {
            let started = provider([("timestamp", text)]).started()?;
            started.duration_since(UNIX_EPOCH).ok()
        };
        let milliseconds = started("1795626670460").unwrap();
        assert_eq!(milliseconds, Duration::from_millis(1_795_626_670_460));
        assert_eq!(
            started("1795626670"),
            Some(Duration::from_secs(1_795_626_670))
        );
        for text in ["0", "", "-1", "then", "99999999999999999999"] {
            assert_eq!(started(text), None, "timestamp {text:?}");
        }
        assert_eq!(provider([]).started(), None);
        // The end of the clock is no panic.
        let _ = started(&u64::MAX.to_string());
    }

    #[test]
    fn the_warm_up_takes_ten_minutes_unless_it_is_said() {
        assert_eq!(provider([]).warmup(), DEFAULT_WARMUP);
        assert_eq!(provider([("warmup", "soon")]).warmup(), DEFAULT_WARMUP);
        assert_eq!(
            provider([("warmup", "5000")]).warmup(),
            Duration::from_secs(5)
        );
        let dubbo_go = [("warmup", "5"), ("release", "dubbo-golang-3.3.2")];
        assert_eq!(provider(dubbo_go).warmup(), Duration::from_secs(5));
        assert_eq!(provider([("warmup", "0")]).warmup(), Duration::ZERO);
    }
}
