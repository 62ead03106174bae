//! The proxy on the way to a gateway, which curl would take from the environment.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::{ClientBuilder, Proxy};

use crate::address::Address;
use crate::error::Error;

/// Variables that name a proxy, those that curl looks at for each scheme, the first that is set.
const HTTP: [&str; 3] = ["http_proxy", "all_proxy", "ALL_PROXY"];
const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
/// Variables that name the hosts without a proxy.
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// What curl does not look at: a web server that runs programs sets it to what its clients send as the header `Proxy`.
const NOT_ASKED: &str = "HTTP_PROXY";

/// How a gateway is reached.
pub(crate) enum Route {
    /// Without a proxy: none is set, or none for this host.
    Direct,
    /// Without a proxy, although `HTTP_PROXY` names one.
    NotAsked,
    /// Through a proxy that a variable names.
    Proxied {
        variable: &'static str,
        proxy: Box<Intercept>,
    },
    /// Without a proxy, although a variable names one: of a kind that is not supported.
    Unsupported { variable: &'static str },
}

impl Route {
    /// Chooses by the environment of the process. A gateway on this host is always reached directly.
    pub(crate) fn to(address: &Address) -> Self {
        Self::in_environment(address, |name| std::env::var(name).ok())
    }

    fn in_environment(address: &Address, environment: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| environment(name).filter(|value| !value.is_empty());
        let first =
            |names: &[&'static str]| names.iter().find_map(|name| Some((*name, set(name)?)));
        let names: &[&str] = if address.is_https() { &HTTPS } else { &HTTP };
        let named = first(names);
        let Ok(uri) = address.to_string().parse::<Uri>() else {
            return Self::Direct;
        };
        if uri.host().is_none_or(is_local) {
            return Self::Direct;
        }
        let without = first(&NO_PROXY).map(|(_, hosts)| hosts).unwrap_or_default();
        if is_excepted(&uri, &without) {
            return Self::Direct;
        }
        let Some((variable, url)) = named else {
            return match set(&NOT_ASKED) {
                Some(_) if !address.is_https() => Self::NotAsked,
                _ => Self::Direct,
            };
        };
        match Matcher::builder().all(url).build().intercept(&uri) {
            Some(proxy) if matches!(proxy.uri().scheme_str(), Some("http" | "https")) => {
                Self::Proxied {
                    variable,
                    proxy: Box::new(proxy),
                }
            }
            _ => Self::Unsupported { variable },
        }
    }

    /// Makes the requests of a client go this way.
    pub(crate) fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        let builder = builder.no_proxy();
        let Self::Proxied { proxy, .. } = self else {
            return Ok(builder);
        };
        let mut through = Proxy::all(proxy.uri().to_string()).map_err(Error::Setup)?;
        if let Some(credentials) = proxy.basic_auth() {
            through = through.custom_http_auth(credentials.clone());
        }
        Ok(builder.proxy(through))
    }

    /// Says which way a request went that failed, if it was not the plain one.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Direct => String::new(),
            Self::NotAsked => format!(
                " (asked without the proxy that {NOT_ASKED} names: for http, {} does)",
                HTTP[0]
            ),
            Self::Proxied { variable, proxy } => {
                let authority = proxy.uri().authority().map_or("", |name| name.as_str());
                format!(
                    " (asked through the proxy {authority}, which {variable} names; no_proxy takes hosts out of that)"
                )
            }
            Self::Unsupported { variable } => {
                format!(
                    " (asked without the proxy that {variable} names: only http and https proxies are supported)"
                )
            }
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("Direct"),
            Self::NotAsked => f.write_str("NotAsked"),
            Self::Proxied { variable, .. } => write!(f, "Proxied({variable})"),
            Self::Unsupported { variable } => write!(f, "Unsupported({variable})"),
        }
    }
}

/// Says whether a host's name or address is that of this host itself.
fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback() || ip.is_unspecified(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn is_excepted(uri: &Uri, without: &str) -> bool {
    // Any proxy would do: what counts is whether the host is taken out.
    let any = Matcher::builder().all("http://proxy").no(without).build();
    any.intercept(uri).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the way to a gateway as a word: `direct`, `variable proxy`, or `not variable`.
    fn way(address: &str, variables: &[(&str, &str)]) -> String {
        let environment = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        match Route::in_environment(&address.parse().unwrap(), environment) {
            Route::Direct => "direct".to_owned(),
            Route::NotAsked => "not HTTP_PROXY".to_owned(),
            Route::Proxied { variable, proxy } => {
                format!("{variable} {}", proxy.uri().authority().unwrap())
            }
            Route::Unsupported { variable } => format!("not {variable}"),
        }
    }

    #[test]
    fn the_way_is_the_one_that_curl_takes() {
        let proxy = "http://proxy:3128";
        let https_only = [("https_proxy", proxy)];
        for (address, variables, expected) in [
            ("gateway:9091", &[][..], "direct"),
            ("gateway:9091", &[("http_proxy", "")], "direct"),
            (
                "gateway:9091",
                &[("http_proxy", proxy)],
                "http_proxy proxy:3128",
            ),
            (
                "gateway:9091",
                &[("http_proxy", "proxy:3128")],
                "http_proxy proxy:3128",
            ),
            ("gateway:9091", &[("HTTP_PROXY", proxy)], "not HTTP_PROXY"),
            ("gateway:9091", &[("HTTP_PROXY", "")], "direct"),
            ("localhost:9091", &[("HTTP_PROXY", proxy)], "direct"),
            ("https://gateway", &[("HTTP_PROXY", proxy)], "direct"),
            (
                "gateway:9091",
                &[("HTTP_PROXY", proxy), ("no_proxy", "gateway")],
                "direct",
            ),
            ("gateway:9091", &https_only, "direct"),
            ("https://gateway", &https_only, "https_proxy proxy:3128"),
            (
                "gateway:9091",
                &[("ALL_PROXY", proxy)],
                "ALL_PROXY proxy:3128",
            ),
            (
                "gateway:9091",
                &[("http_proxy", "http://u:p@proxy:3128")],
                "http_proxy proxy:3128",
            ),
            (
                "gateway:9091",
                &[("all_proxy", "socks5://proxy")],
                "not all_proxy",
            ),
        ] {
            assert_eq!(way(address, variables), expected, "{address} {variables:?}");
        }
    }

    #[test]
    fn hosts_taken_out_and_this_host_are_asked_directly() {
        for (address, without) in [
            ("127.0.0.1:9091", ""),
            ("localhost:9091", ""),
            ("[::1]:9091", ""),
            ("gateway.internal:9091", "gateway.internal"),
            ("gateway.internal:9091", "example.com, .internal"),
            ("10.1.2.3:9091", "10.0.0.0/8"),
            ("gateway:9091", "*"),
        ] {
            let variables = [("http_proxy", "proxy:3128"), ("NO_PROXY", without)];
            assert_eq!(way(address, &variables), "direct", "{address} {without}");
        }
        let variables = [("http_proxy", "proxy:3128"), ("NO_PROXY", "internal")];
        assert_eq!(way("gateway:9091", &variables), "http_proxy proxy:3128");
    }
}
