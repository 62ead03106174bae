//! The patterns of rules, with Dubbo's meaning.

use std::net::IpAddr;

use regex::{Regex, RegexBuilder};

use super::document::{Map, invalid};
use crate::Malformed;

/// The most memory that a regular expression may take, which bounds the time that it takes to be compiled.
const MAX_REGEX_BYTES: usize = 128 * 1024;

/// Tells whether a text matches a pattern whose last `*` stands for anything.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    match pattern.rsplit_once('*') {
        None => pattern == text,
        Some(("", "")) => true,
        Some(_) if text.is_empty() => false,
        Some((before, after)) => text.starts_with(before) && text.ends_with(after),
    }
}

/// Tells whether a number is within `first~last`, either end of which may be missing. What is not a number, or not a range, has the
/// `default`.
pub(super) fn range(pattern: &str, text: &str, default: bool) -> bool {
    let within = || {
        let (first, last) = pattern.split_once('~')?;
        let number: i64 = text.trim().parse().ok()?;
        let end = |text: &str, unset: i64| match text.trim() {
            "" => Some(unset),
            text => text.parse().ok(),
        };
        if first.trim().is_empty() && last.trim().is_empty() {
            return None;
        }
        Some((end(first, i64::MIN)?..=end(last, i64::MAX)?).contains(&number))
    };
    within().unwrap_or(default)
}

/// Tells whether a provider's address matches a pattern of tag rules: `10.0.0.1`, `10.0.0.1:20000`, `10.0.*.1-9`, `10.0.0.0/24`,
/// `0.0.0.0:20000` for a port anywhere, or `*`.
pub(super) fn is_address(pattern: &str, host: &str, port: u16) -> bool {
    let pattern = pattern.trim();
    if pattern == "*" || pattern == "*.*.*.*" {
        return true;
    }
    if let Some((network, bits)) = pattern.split_once('/') {
        return is_within(network, bits, host);
    }
    let (name, its_port) = host_and_port(pattern);
    if its_port.is_some_and(|text| text.parse() != Ok(port)) {
        return false;
    }
    (name == "0.0.0.0" && its_port.is_some()) || is_host(name, host)
}

/// Splits the port off, where there is one.
fn host_and_port(pattern: &str) -> (&str, Option<&str>) {
    if let Some((name, port)) = pattern.strip_prefix('[').and_then(|p| p.split_once("]:")) {
        return (name, Some(port));
    }
    match pattern.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => (name, Some(port)),
        _ => (pattern.trim_matches(['[', ']']), None),
    }
}

fn is_host(pattern: &str, host: &str) -> bool {
    if pattern == host {
        return true;
    }
    if let (Ok(a), Ok(b)) = (pattern.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return a == b;
    }
    let (wanted, parts): (Vec<_>, Vec<_>) =
        (pattern.split('.').collect(), host.split('.').collect());
    wanted.len() == 4
        && parts.len() == 4
        && wanted.iter().zip(parts).all(|(wanted, part)| {
            let within = |(first, last): (&str, &str)| {
                let number = |text: &str| text.parse::<u8>().ok();
                Some((number(first)?..=number(last)?).contains(&number(part)?))
            };
            *wanted == "*"
                || *wanted == part
                || wanted.split_once('-').and_then(within).unwrap_or(false)
        })
}

fn is_within(network: &str, bits: &str, host: &str) -> bool {
    let (Ok(network), Ok(host), Ok(bits)) = (
        network.trim_matches(['[', ']']).parse::<IpAddr>(),
        host.trim_matches(['[', ']']).parse::<IpAddr>(),
        bits.parse::<u32>(),
    ) else {
        return false;
    };
    let (network, host, width): (u128, u128, u32) = match (network, host) {
        (IpAddr::V4(network), IpAddr::V4(host)) => (
            u128::from(network.to_bits()),
            u128::from(host.to_bits()),
            32,
        ),
        (IpAddr::V6(network), IpAddr::V6(host)) => (network.to_bits(), host.to_bits(), 128),
        _ => return false,
    };
    let Some(free) = width.checked_sub(bits) else {
        return false;
    };
    network.checked_shr(free).unwrap_or(0) == host.checked_shr(free).unwrap_or(0)
}

/// How `match` in a rule of version 3.0 looks at a text: the first of the forms that is set decides.
#[derive(Clone, Debug)]
pub(super) enum TextMatch {
    Exact(String),
    Prefix(String),
    Regex(Regex),
    Empty,
    NotEmpty,
}

impl TextMatch {
    pub(super) fn read(map: Map<'_>) -> Result<Self, Malformed> {
        if let Some(text) = map.text("exact")? {
            Ok(Self::Exact(text))
        } else if let Some(text) = map.text("prefix")? {
            Ok(Self::Prefix(text))
        } else if let Some(text) = map.text("regex")? {
            let whole = RegexBuilder::new(&format!("^(?:{text})$"))
                .size_limit(MAX_REGEX_BYTES)
                .build();
            Ok(Self::Regex(whole.map_err(|e| invalid(e.to_string()))?))
        } else if let Some(text) = map.text("wildcard")? {
            Ok(match text.as_str() {
                "*" => Self::Prefix(String::new()),
                _ => Self::Exact(text),
            })
        } else if map.text("empty")?.is_some() {
            Ok(Self::Empty)
        } else if map.text("noempty")?.is_some() {
            Ok(Self::NotEmpty)
        } else {
            Err(invalid(
                "a match has none of exact, prefix, regex, wildcard, empty and noempty",
            ))
        }
    }

    pub(super) fn matches(&self, text: Option<&str>) -> bool {
        match self {
            Self::Exact(wanted) => text == Some(wanted),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Regex(regex) => text.is_some_and(|text| regex.is_match(text)),
            Self::Empty => text.is_none_or(str::is_empty),
            Self::NotEmpty => text.is_some_and(|text| !text.is_empty()),
        }
    }
}

/// A parameter and what it has to be, `key` and `value` in a rule.
#[derive(Clone, Debug)]
pub(super) struct ParamMatch {
    key: String,
    value: TextMatch,
}

impl ParamMatch {
    /// Reads the list of this name; `None` where it is not set.
    pub(super) fn read_all(map: Map<'_>, name: &str) -> Result<Vec<Self>, Malformed> {
        let read = |item: Map<'_>| {
            let missing = || invalid(format!("{name} needs both key and value"));
            Ok(Self {
                key: item.text("key")?.ok_or_else(missing)?,
                value: TextMatch::read(item.map("value")?.ok_or_else(missing)?)?,
            })
        };
        map.maps(name)?.into_iter().map(read).collect()
    }

    pub(super) fn matches<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.value.matches(value_of(&self.key))
    }
}

/// How `match` in an override looks at an address.
#[derive(Clone, Debug)]
pub(super) enum AddressMatch {
    Network(String),
    Wildcard(String),
    Exact(String),
}

impl AddressMatch {
    pub(super) fn read(map: Map<'_>) -> Result<Self, Malformed> {
        // Dubbo's own spelling of CIDR.
        let network = map.text("cird")?.or(map.text("cidr")?);
        if let Some(text) = network {
            Ok(Self::Network(text))
        } else if let Some(text) = map.text("wildcard")? {
            Ok(Self::Wildcard(text))
        } else if let Some(text) = map.text("exact")? {
            Ok(Self::Exact(text))
        } else {
            Err(invalid("an address has none of cird, wildcard and exact"))
        }
    }

    /// Looks at a host that has a port where it is a provider's.
    pub(super) fn matches(&self, host: &str, port: Option<u16>) -> bool {
        let written = || match port {
            Some(port) => crate::provider::address(host, port),
            None => host.to_owned(),
        };
        match self {
            Self::Network(pattern) => {
                *pattern == written() || is_address(pattern, host, port.unwrap_or(0))
            }
            Self::Wildcard(pattern) => pattern == "0.0.0.0" || glob(pattern, &written()),
            Self::Exact(address) => *address == written(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_star_of_a_pattern_stands_for_anything() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "x"),
            ("", ""),
            ("10.0.*", "10.0.0.1"),
            ("*.1", "10.0.0.1"),
            ("10.*.1", "10.0.0.1"),
            ("same", "same"),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("10.0.*", "10.1.0.1"),
            ("a*", ""),
            ("a", "b"),
            ("", "a"),
            ("a*c", "abd"),
        ] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_range_may_lack_an_end() {
        assert!(
            range("1~100", "100", false) && range("~5", "-3", false) && range("5~", "7", false)
        );
        assert!(!range("1~100", "101", true) && !range("5~", "4", true));
        for pattern in ["~", "a~b", "1~b"] {
            assert!(
                range(pattern, "3", true) && !range(pattern, "3", false),
                "{pattern}"
            );
        }
        assert!(!range("1~2", "many", false));
    }

    #[test]
    fn addresses_of_providers() {
        let matches = |pattern: &str| is_address(pattern, "10.20.3.5", 20000);
        for pattern in [
            "10.20.3.5",
            "10.20.3.5:20000",
            " 10.20.3.5:20000 ",
            "10.20.*.*",
            "10.20.*.5:20000",
            "10.20.1-5.5",
            "10.20.0.0/16",
            "0.0.0.0:20000",
            "*",
            "*.*.*.*",
        ] {
            assert!(matches(pattern), "{pattern}");
        }
        for pattern in [
            "10.20.3.6",
            "10.20.3.5:20001",
            "10.21.*.*",
            "10.20.4-9.5",
            "10.20.4.0/24",
            "10.0.0.0/33",
            "0.0.0.0",
            "0.0.0.0:1",
            "",
            "my-host",
            "10.20.3.5:port",
        ] {
            assert!(!matches(pattern), "{pattern}");
        }
        assert!(is_address("[fd00::1]:20000", "fd00::1", 20000));
        assert!(is_address("fd00:0::1", "fd00::1", 20000));
        assert!(is_address("fd00::/8", "fd00::1", 1) && is_address("0.0.0.0/0", "1.2.3.4", 1));
        assert!(!is_address("[fd00::1]:20001", "fd00::1", 20000));
        assert!(is_address("my-host:20000", "my-host", 20000));
    }
}
