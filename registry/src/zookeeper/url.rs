//! Interface-level providers: URLs, escaped into the names of nodes (dubbo-go `registry/zookeeper/registry.go`).

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use percent_encoding::percent_decode_str;

use crate::{
    Malformed, Provider, Reference,
    instance::{TRIPLE, clipped, is_host, port},
    provider::weight,
};

/// Reads the name of a provider's node; `None` for one that offers something else than `reference` means.
pub(super) fn parse(reference: &Reference, name: &str) -> Result<Option<Provider>, Malformed> {
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
    Ok(Some(Provider {
        host: host.to_owned(),
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
fn decoded(name: &str) -> Result<String, Malformed> {
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
    use crate::DEFAULT_WEIGHT;

    const DUBBO_GO: &str = concat!(
        "tri%3A%2F%2F10.1.2.3%3A20000%2Fgreet.GreetService%3Fanyhost%3Dtrue%26application%3Ddubbo.io%26bean.name%3D",
        "GreetTripleServer%26cluster%3Dfailover%26interface%3Dgreet.GreetService%26loadbalance%3Drandom%26methods%3D",
        "Greet%2Cgreet%26release%3Ddubbo-golang-3.3.2%26service.filter%3Decho%2Ctoken%26side%3Dprovider%26timestamp%3D1700000000%26weight%3D0",
    );

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
