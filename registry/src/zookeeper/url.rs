//! Interface-level providers: URLs, escaped into the names of nodes (dubbo-go `registry/zookeeper/registry.go`).

mod consumer;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use form_urlencoded::byte_serialize;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{
    Malformed, ProviderEntry, Reference, Registration, ServiceMetadata,
    instance::{clipped, is_host, port},
    metadata::TRIPLE,
    provider::{bare, weight},
};

pub(super) use consumer::name as consumer_name;

/// The version of Dubbo's protocol, which Dubbo 2 looks for in each URL.
const PROTOCOL_VERSION: &str = "2.0.2";

/// What would end a value within a URL.
const RESERVED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'%')
    .add(b'&')
    .add(b'=')
    .add(b'#')
    .add(b'+');

/// Writes the names of the nodes of a provider's services, each with its interface: a URL as Dubbo for Java writes it,
/// escaped.
pub(super) fn names(registration: &Registration) -> Vec<(String, String)> {
    let services = registration.metadata().services;
    let name = |service: ServiceMetadata| {
        let url = written(registration, &service);
        let name = byte_serialize(url.as_bytes()).collect();
        (service.name, name)
    };
    services.into_values().map(name).collect()
}

fn written(registration: &Registration, service: &ServiceMetadata) -> String {
    let mut params = BTreeMap::from([
        ("application", registration.application()),
        ("deprecated", "false"),
        ("dubbo", PROTOCOL_VERSION),
        ("dynamic", "true"),
        ("generic", "false"),
        ("interface", &service.name),
        ("side", "provider"),
        ("group", &service.group),
        ("version", &service.version),
    ]);
    let timestamp = registration.timestamp();
    params.insert("timestamp", &timestamp);
    for (key, value) in &service.params {
        params.insert(key, value);
    }
    let (address, interface) = (registration.id(), &service.name);
    format!("{TRIPLE}://{address}/{interface}?{}", query(&params))
}

/// Writes the parameters that have a value.
fn query(params: &BTreeMap<&str, &str>) -> String {
    let escaped = |text| utf8_percent_encode(text, RESERVED).to_string();
    let written: Vec<String> = params
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{}={}", escaped(key), escaped(value)))
        .collect();
    written.join("&")
}

/// Returns what two nodes of one provider's service have in common: everything but the parameters.
fn place(name: &str) -> Option<String> {
    let url = decoded(name).ok()?;
    let (location, query) = url.split_once('?').unwrap_or((&url, ""));
    let params: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    let param = |key: &str| params.get(key).map(Cow::as_ref).unwrap_or_default();
    Some(format!(
        "{location}?{}&{}",
        param("group"),
        param("version")
    ))
}

/// Picks those of `names` that name the same service at the same address as `own`, and are not `own`: what a process before
/// this one has left.
pub(super) fn leftovers(own: &str, mut names: Vec<String>) -> Vec<String> {
    let own_place = place(own);
    names.retain(|name| name != own && place(name) == own_place);
    names
}

/// Returns the `host:port` in a provider's node's name.
pub(super) fn address(name: &str) -> Option<String> {
    let url = decoded(name).ok()?;
    let (_, rest) = url.split_once("://")?;
    Some(rest.split(['/', '?']).next()?.to_owned())
}

/// Reads the name of a provider's node; `None` for one that offers something else than `reference` means.
pub(super) fn parse(reference: &Reference, name: &str) -> Result<Option<ProviderEntry>, Malformed> {
    let url = decoded(name)?;
    let (scheme, rest) = url
        .split_once("://")
        .ok_or(Malformed::Url("it has no scheme"))?;
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = location.split_once('/').unwrap_or((location, ""));
    let (host, text) = authority
        .rsplit_once(':')
        .ok_or(Malformed::Url("it has no port"))?;
    let port = port(text)?;
    if !is_host(host) {
        return Err(Malformed::Host(clipped(host)));
    }
    let params: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let param = |key: &str| params.get(key).map(String::as_str).unwrap_or_default();
    let interface = if param("interface").is_empty() {
        path
    } else {
        param("interface")
    };
    let wanted = scheme == TRIPLE
        && param("enabled") != "false"
        && reference.matches(interface, param("group"), param("version"));
    if !wanted {
        return Ok(None);
    }
    Ok(Some(ProviderEntry {
        host: bare(host).to_owned(),
        port,
        application: param("application").to_owned(),
        interface: interface.to_owned(),
        group: param("group").to_owned(),
        version: param("version").to_owned(),
        weight: weight(&params),
        listed: true,
        params: Arc::new(params),
    }))
}

/// Undoes Go's `url.QueryEscape`.
pub(super) fn decoded(name: &str) -> Result<String, Malformed> {
    let spaced = name.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| Malformed::Text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{DEFAULT_WEIGHT, ServiceInfo};

    const DUBBO_GO: &str = concat!(
        "tri%3A%2F%2F10.1.2.3%3A20000%2Fgreet.GreetService%3Fanyhost%3Dtrue%26application%3Ddubbo.io%26bean.name%3D",
        "GreetTripleServer%26cluster%3Dfailover%26interface%3Dgreet.GreetService%26loadbalance%3Drandom%26methods%3D",
        "Greet%2Cgreet%26release%3Ddubbo-golang-3.3.2%26service.filter%3Decho%2Ctoken%26side%3Dprovider%26timestamp%3D1700000000%26weight%3D0",
    );

    /// What Dubbo for Java 3.3.6 registered.
    const JAVA: &str = include_str!("../../tests/data/dubbo-java-3.3.6-provider-url.txt");

    fn registration(group: &str, params: &[(&str, &str)]) -> Registration {
        let params = params
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()));
        let service = ServiceInfo {
            interface: "greet.GreetService".into(),
            group: group.into(),
            methods: vec!["Greet".into(), "Bye".into()],
            params: params.collect(),
            ..ServiceInfo::default()
        };
        Registration::new("app", "10.0.0.1", 20000, vec![service]).unwrap()
    }

    #[test]
    fn what_java_registers_is_read() {
        let provider = parse(&reference(), JAVA.trim()).unwrap().unwrap();
        assert_eq!(provider.address(), "10.77.0.1:20010");
        assert_eq!(provider.application, "java-server");
        assert_eq!(provider.params["timestamp"], "1795626670460");
    }

    #[test]
    fn the_name_has_what_java_writes() {
        let mut names = names(&registration("", &[]));
        let (interface, name) = names.pop().unwrap();
        assert_eq!((interface.as_str(), names.len()), ("greet.GreetService", 0));
        let keys = |name: &str| {
            let url = decoded(name).unwrap();
            let query = url.split_once('?').unwrap().1.to_owned();
            let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap().0);
            pairs.map(str::to_owned).collect::<Vec<_>>()
        };
        let mut expected = keys(JAVA.trim());
        // Java's own business.
        expected.retain(|key| {
            let own = [
                "logger",
                "prefer.serialization",
                "proxy",
                "release",
                "service-name-mapping",
            ];
            !own.contains(&key.as_str())
        });
        assert_eq!(keys(&name), expected);
        assert!(name.starts_with(
            "tri%3A%2F%2F10.0.0.1%3A20000%2Fgreet.GreetService%3Fapplication%3Dapp%26"
        ));
        assert!(name.contains("methods%3DBye%2CGreet%26"), "{name}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let odd = [("tag", "a&b=c%25 d+e#ü"), ("weight", "7"), ("empty", "")];
        let registration = registration("blue", &odd);
        let (_, name) = names(&registration).pop().unwrap();
        let provider = parse(&reference().group("blue"), &name).unwrap().unwrap();
        assert_eq!((provider.weight, provider.group.as_str()), (7, "blue"));
        assert_eq!(provider.params["tag"], "a&b=c%25 d+e#ü");
        assert!(!provider.params.contains_key("empty"));
        assert_eq!(address(&name).as_deref(), Some("10.0.0.1:20000"));
        assert!(provider.started().is_some());
    }

    #[test]
    fn an_ipv6_address_is_written_in_brackets() {
        let services = registration("", &[]).services().to_vec();
        let registration = Registration::new("app", "fd00::2", 20000, services).unwrap();
        let (_, name) = names(&registration).pop().unwrap();
        let provider = parse(&reference(), &name).unwrap().unwrap();
        assert_eq!(provider.address(), "[fd00::2]:20000");
        assert_eq!(provider.host, "fd00::2", "as the instance's node is read");
    }

    #[test]
    fn leftovers_are_the_same_service_at_the_same_address() {
        let (_, own) = names(&registration("", &[])).pop().unwrap();
        let (_, former) = names(&registration("", &[("timestamp", "1")]))
            .pop()
            .unwrap();
        let (_, other) = names(&registration("blue", &[])).pop().unwrap();
        let all = [&own, &former, &other, &JAVA.trim().to_owned()];
        let all = all.into_iter().cloned().chain(["broken%".into()]);
        assert_eq!(leftovers(&own, all.collect()), [former]);
    }

    fn reference() -> Reference {
        Reference::new("greet.GreetService").unwrap()
    }

    #[test]
    fn what_dubbo_go_registers_is_read() {
        let provider = parse(&reference(), DUBBO_GO).unwrap().unwrap();
        assert_eq!(provider.address(), "10.1.2.3:20000");
        assert_eq!(provider.application, "dubbo.io");
        assert_eq!(provider.weight, DEFAULT_WEIGHT);
        assert_eq!(provider.params["methods"], "Greet,greet");
    }

    #[test]
    fn another_service_or_protocol_is_not_meant() {
        for name in [
            "dubbo%3A%2F%2Fh%3A20000%2Fgreet.GreetService",
            "tri%3A%2F%2Fh%3A20000%2Fgreet.Other",
            "tri%3A%2F%2Fh%3A20000%2Fgreet.GreetService%3Fgroup%3Dblue",
            "tri%3A%2F%2Fh%3A20000%2Fgreet.GreetService%3Fversion%3D1.0.0",
            "tri%3A%2F%2Fh%3A20000%2Fgreet.GreetService%3Fenabled%3Dfalse",
        ] {
            assert_eq!(parse(&reference(), name), Ok(None), "{name}");
        }
        let versioned = reference().group("blue").version("1.0.0");
        let name = "tri%3A%2F%2Fh%3A20000%2Fgreet.GreetService%3Fgroup%3Dblue%26version%3D1.0.0";
        assert_eq!(parse(&versioned, name).unwrap().unwrap().group, "blue");
    }

    #[test]
    fn a_name_that_is_no_url_is_malformed() {
        for name in [
            "",
            "x",
            "tri%3A%2F%2F",
            "tri%3A%2F%2Fhost",
            "tri%3A%2F%2Fh%3Ax%2Fa",
            "tri%3A%2F%2Fh%3A0%2Fa",
            "%ff%fe",
        ] {
            assert!(parse(&reference(), name).is_err(), "{name}");
        }
        assert!(matches!(
            parse(&reference(), "tri%3A%2F%2Fa%20b%3A1%2Fa"),
            Err(Malformed::Host(_))
        ));
        assert_eq!(
            parse(&reference(), "tri%3A%2F%2Fh%3A70000%2Fa"),
            Err(Malformed::Port("70000".into()))
        );
    }

    proptest! {
        #[test]
        fn arbitrary_names_never_panic(name in "\\PC{0,200}") {
            let _ = parse(&reference(), &name);
        }

        #[test]
        fn a_damaged_name_never_panics(position in 0..DUBBO_GO.len(), length in 0..30_usize, patch in "[ -~]{0,30}") {
            let mut name = DUBBO_GO.to_owned();
            let end = (position + length).min(name.len());
            name.replace_range(position..end, &patch);
            if let Ok(Some(provider)) = parse(&reference(), &name) {
                prop_assert!(provider.port > 0 && is_host(&provider.host));
            }
        }
    }
}
