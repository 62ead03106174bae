//! Parsers of single values, for clap's `value_parser`.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use dubbo_registry::RegisterMode;
use metrics_core::{Families, MAX_BOUND_SECONDS};
use triple::Shape;

use crate::config::DeleteOnExit;

/// Returns the parser of a runtime's shape.
#[must_use]
pub fn shape() -> impl TypedValueParser<Value = Shape> {
    PossibleValuesParser::new(["adaptive", "work-stealing", "per-core"])
        .try_map(|name| name.parse::<Shape>())
}

/// Returns the parser of which registrations a provider makes.
#[must_use]
pub fn register_mode() -> impl TypedValueParser<Value = RegisterMode> {
    PossibleValuesParser::new(RegisterMode::NAMES).try_map(|name| name.parse::<RegisterMode>())
}

/// Parses a duration as `10ms`, `1s` or `5m`; zero is allowed.
///
/// # Errors
///
/// When the text has no unit or no number; humantime's message names an example.
pub fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    humantime::parse_duration(text)
}

/// Parses a duration that must be longer than zero.
///
/// # Errors
///
/// As [`duration`], and for zero.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than zero".to_owned()),
        Ok(duration) => Ok(duration),
        Err(err) => Err(err.to_string()),
    }
}

/// Parses when the own group is deleted: a boolean, or `auto`.
///
/// # Errors
///
/// When the text is neither.
pub(crate) fn delete_on_exit(text: &str) -> Result<DeleteOnExit, String> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(DeleteOnExit::Auto),
        "true" | "1" | "yes" | "y" | "on" | "t" => Ok(DeleteOnExit::Always),
        "false" | "0" | "no" | "n" | "off" | "f" => Ok(DeleteOnExit::Never),
        _ => Err("must be auto, true or false".to_owned()),
    }
}

/// Returns the parser of which families are exported.
pub(crate) fn families() -> impl TypedValueParser<Value = Families> {
    PossibleValuesParser::new(["all", "lean"]).map(|name| match &*name {
        "lean" => Families::Lean,
        _ => Families::All,
    })
}

/// The upper bounds of buckets, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds(pub(crate) Vec<f64>);

/// Parses ascending bounds: durations, or seconds as Prometheus writes them, between commas; `none` is none at all.
///
/// # Errors
///
/// When one is not above the one before, or longer than can be told apart.
pub(crate) fn bounds(text: &str) -> Result<Bounds, String> {
    if text.trim() == "none" {
        return Ok(Bounds(Vec::new()));
    }
    let mut bounds = Vec::new();
    for part in text.split(',').map(str::trim) {
        let seconds = match part.parse::<f64>() {
            Ok(seconds) => seconds,
            Err(_) => {
                let bound = duration(part).map_err(|err| format!("`{part}`: {err}"))?;
                bound.as_secs_f64()
            }
        };
        if !(seconds > 0.0 && seconds <= MAX_BOUND_SECONDS) {
            return Err(format!(
                "`{part}` is not above 0 and at most 2 hours 25 minutes"
            ));
        }
        if bounds.last().is_some_and(|before| seconds <= *before) {
            return Err(format!("`{part}` is not above the bound before it"));
        }
        bounds.push(seconds);
    }
    Ok(Bounds(bounds))
}

/// Parses a share of all calls, from 0 (none) to 1 (every one).
///
/// # Errors
///
/// When the text is no number, or outside this range.
pub fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

/// The largest weight. Java adds the weights of all providers up in 32 bits.
const MAX_WEIGHT: u32 = 1_000_000;

/// Parses a provider's weight beside others.
///
/// # Errors
///
/// When the text is no whole number, or beyond what consumers can add up.
pub fn weight(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(weight) if weight <= MAX_WEIGHT => Ok(weight),
        _ => Err(format!("must be a whole number from 0 to {MAX_WEIGHT}")),
    }
}

/// Parses a tag for routing calls, which has to fit into a header.
///
/// # Errors
///
/// When the text is empty or has spaces or characters beyond ASCII.
pub fn tag(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be a word of ASCII characters, such as gray".to_owned())
    }
}

/// Parses an address to listen on, with or without the brackets of IPv6.
///
/// # Errors
///
/// When the text is no IP address, or has a port.
pub fn listening_ip(text: &str) -> Result<IpAddr, String> {
    let ip = bare(text).parse::<IpAddr>();
    ip.map(|ip| ip.to_canonical()).map_err(|_| {
        "must be an IP address of this host, such as 192.168.1.20, or :: for all addresses"
            .to_owned()
    })
}

/// Parses an address and a port to listen on.
///
/// # Errors
///
/// When the text is not both; names are not resolved.
pub(crate) fn listening_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "must be IP:PORT, such as 127.0.0.1:9099, or [::]:9099 for all addresses of this host"
            .to_owned()
    })
}

/// Parses an address that other hosts can be told.
///
/// # Errors
///
/// When the text is no IP address, or one that stands for any or for several hosts, or that takes the name of an interface.
pub(crate) fn reachable_ip(text: &str) -> Result<IpAddr, String> {
    let leads_nowhere = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
    };
    match bare(text).parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(ip) if leads_nowhere(&ip) => Err("others cannot connect to this address".to_owned()),
        Ok(ip) => Ok(ip),
        Err(_) => Err("must be an IP address, such as 192.168.1.20".to_owned()),
    }
}

/// Takes the brackets off an IPv6 address, which stand around it wherever a port may follow.
fn bare(text: &str) -> &str {
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text)
}

/// Parses an application's name.
///
/// # Errors
///
/// When it cannot be a node's name in the registry, or a member of its comma list, or holds `providers`: dubbo-go's
/// consumers take such a node for a provider's address and fail.
pub(crate) fn application_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("must not be empty".to_owned())
    } else if text.contains(['/', ',']) || text.contains(char::is_whitespace) {
        Err("must hold no slash, comma or space: it becomes a node in the registry".to_owned())
    } else if text == "." || text == ".." || text.contains("providers") {
        Err("cannot be told from the registry's own nodes; choose another name".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Parses a text that must not be empty.
///
/// # Errors
///
/// When it is.
pub(crate) fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("must not be empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
