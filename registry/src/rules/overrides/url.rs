//! Overrides as Dubbo 2 keeps them, and its Admin still does: one URL each, `override://0.0.0.0/greet.GreetService?weight=50&…`.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{Override, Settings, Side, invalid};
use crate::{Malformed, reference::service_key};

/// Parameters that say whom the URL is for, and not what it sets.
const CONDITIONS: [&str; 13] = [
    "anyhost",
    "application",
    "category",
    "check",
    "configVersion",
    "dynamic",
    "enabled",
    "group",
    "interface",
    "priority",
    "providerAddresses",
    "side",
    "version",
];

/// What Dubbo Admin adds to the URL where it has published the same as a rule, too.
const COMPATIBLE: &str = "compatible_config";

/// An override that was read from a URL.
#[derive(Clone, Debug)]
pub(in crate::rules) struct UrlOverride {
    host: String,
    priority: i64,
    pub(in crate::rules) entry: Override,
}

impl UrlOverride {
    /// Says which of two is applied first: Dubbo sorts by the text of the host, so that one for any host goes before others.
    pub(in crate::rules) fn order(&self, other: &Self) -> Ordering {
        (&self.host, self.priority).cmp(&(&other.host, other.priority))
    }
}

/// Reads a URL; `None` for one that has no effect on consumers.
pub(in crate::rules) fn parse(url: &str) -> Result<Option<UrlOverride>, Malformed> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| invalid("it is not a URL"))?;
    if scheme != "override" {
        return Err(invalid(format!("{scheme:?} is not override")));
    }
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = location.split_once('/').unwrap_or((location, ""));
    let (host, port) = address(authority)?;
    let mut params: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let param = |key: &str| params.get(key).map(String::as_str).unwrap_or_default();
    let no = |text: &str| text.eq_ignore_ascii_case("false");
    if no(param("enabled")) || !param(COMPATIBLE).is_empty() || param("side") == "provider" {
        return Ok(None);
    }
    let interface = match param("interface") {
        "" => path,
        interface => interface,
    };
    let service = match interface {
        "" => return Err(invalid("it names no service")),
        "*" => None,
        _ => Some(service_key(interface, param("group"), param("version"))),
    };
    let named = |name: &str| (!matches!(name, "" | "*" | "0.0.0.0")).then(|| name.to_owned());
    let mut providers: Vec<_> = param("providerAddresses")
        .split(',')
        .filter_map(named)
        .collect();
    // Since 2.7 the host is always the consumer's; before, one with a port is a provider's.
    let consumer = match port {
        Some(port) if param("configVersion").is_empty() => {
            providers = vec![format!("{host}:{port}")];
            None
        }
        _ => named(host),
    };
    let (applications, priority) = (named(param("application")), param("priority").parse());
    params.retain(|key, _| !CONDITIONS.contains(&key.as_str()));
    let (registered, set): (Vec<_>, Vec<_>) = params
        .into_iter()
        .partition(|(key, _)| key.starts_with('~'));
    if set.is_empty() {
        // That is how an override is taken back.
        return Ok(None);
    }
    let bare = |(key, value): (String, String)| (key.trim_start_matches('~').to_owned(), value);
    let set: Vec<_> = set
        .iter()
        .map(|(key, value)| (key.as_str(), value.clone()))
        .collect();
    let entry = Override {
        side: Side::Consumer,
        applications: applications.into_iter().collect(),
        services: service.into_iter().collect(),
        consumers: consumer.into_iter().collect(),
        providers,
        registered: registered.into_iter().map(bare).collect(),
        conditions: None,
        settings: Settings::read(&set)?,
    };
    Ok(Some(UrlOverride {
        host: host.to_owned(),
        priority: priority.unwrap_or(0),
        entry,
    }))
}

/// Splits `user@host:port`, whose first and last part may be missing.
fn address(authority: &str) -> Result<(&str, Option<u16>), Malformed> {
    let address = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    if host.is_empty() {
        return Err(invalid("it names no host"));
    }
    let wrong = |port: &str| invalid(format!("{port:?} is not a port"));
    match port.map(|port| port.parse().map_err(|_| wrong(port))) {
        // Dubbo's word for none.
        None | Some(Ok(0)) => Ok((host, None)),
        Some(port) => Ok((host, Some(port?))),
    }
}
