//! The likely mistake behind an answer that is not a Pushgateway's to a push.

use http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::address::Address;

/// What is known of a request that was refused, and of the answer.
#[derive(Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) address: &'a Address,
    /// The path below the base path.
    pub(crate) path: &'a str,
    pub(crate) status: StatusCode,
    /// Where a redirect leads.
    pub(crate) location: Option<&'a str>,
    pub(crate) html: bool,
    /// The beginning of the answer's text.
    pub(crate) body: &'a str,
}

impl Refusal<'_> {
    /// Returns what to look at, to be appended to the error; empty when nothing is likely.
    pub(crate) fn hint(&self) -> String {
        if self.status.is_redirection() {
            return self.redirect();
        }
        let base = self.address.to_string();
        if let Some(at) = superfluous(&base) {
            let (base, rest) = base.split_at(at);
            return format!("; leave {rest} out of its URL: {base} is enough");
        }
        if self.body.to_lowercase().contains("https ") {
            return "; it expects TLS: begin its URL with https://".to_owned();
        }
        match self.status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                "; the proxy wants a user and a password: http://user:password@proxy:port in the variable that names it"
                    .to_owned()
            }
            StatusCode::UNAUTHORIZED => {
                "; it wants a user and a password (PUSHGATEWAY_USER, PUSHGATEWAY_PASS) that it knows"
                    .to_owned()
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                "; no Pushgateway takes pushes at this URL: check its port (9091 by default) and its base path, which is its \
                 --web.route-prefix"
                    .to_owned()
            }
            _ if self.html => "; a web page answers there, not a Pushgateway".to_owned(),
            _ => String::new(),
        }
    }

    fn redirect(&self) -> String {
        let target = self
            .location
            .and_then(|location| location.parse::<Uri>().ok());
        let Some(target) = target else {
            return "; redirects are not followed: name the address that it leads to".to_owned();
        };
        // What was asked for comes back below another base; without it, this is a page of its own.
        let path = decoded(target.path().trim_end_matches('/'));
        let base = path.strip_suffix(&decoded(self.path)).unwrap_or(&path);
        let place = match (target.scheme_str(), target.authority()) {
            (Some(scheme), Some(authority)) => {
                let host = authority.as_str().rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{host}{base}")
            }
            _ => base.to_owned(),
        }
        .replace(char::is_control, "");
        if place.is_empty() {
            return "; redirects are not followed: it leads to the same place, spelt otherwise, which no Pushgateway does"
                .to_owned();
        }
        format!(
            "; redirects are not followed: it leads to {place}, name that if it is a Pushgateway"
        )
    }
}

/// Some write more characters of a path in percents than others.
fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// Returns where the path of a group begins in a URL that should end before it.
fn superfluous(base: &str) -> Option<usize> {
    let at = base.find("/metrics")?;
    let rest = &base[at..];
    // What is read below the path of the API is written elsewhere.
    let before = base[..at].trim_end_matches("/api/v1").len();
    (rest == "/metrics" || rest.starts_with("/metrics/job")).then_some(before)
}

/// Returns what to say of a URL without a port at which no connection came about: that of the scheme was asked, which is hardly ever a
/// Pushgateway's own.
pub(crate) fn port(address: &str) -> String {
    let Ok(uri) = address.parse::<Uri>() else {
        return String::new();
    };
    match (uri.port(), uri.scheme_str()) {
        (None, Some("http")) => asked_at(80),
        (None, Some("https")) => asked_at(443),
        _ => String::new(),
    }
}

fn asked_at(port: u16) -> String {
    format!(" (asked at port {port}; a Pushgateway listens on 9091 unless told otherwise)")
}

/// Returns the title of a web page in place of its text.
pub(crate) fn title(page: &str) -> &str {
    let Some((_, rest)) = page.split_once("<title>") else {
        return "";
    };
    rest.split("</title>").next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(address: &str, status: u16, location: Option<&str>, body: &str) -> String {
        Refusal {
            address: &address.parse().unwrap(),
            path: "/metrics/job/app",
            status: StatusCode::from_u16(status).unwrap(),
            location,
            html: body.contains('<'),
            body,
        }
        .hint()
    }

    #[test]
    fn each_mistake_is_named() {
        for (address, status, body, expected) in [
            (
                "gateway:9091/metrics",
                404,
                "",
                "leave /metrics out of its URL: http://gateway:9091 is enough",
            ),
            (
                "gateway:9091/base/metrics/job/x",
                400,
                "odd number",
                "http://gateway:9091/base is enough",
            ),
            (
                "gateway:9091/api/v1/metrics",
                404,
                "",
                "leave /api/v1/metrics out of its URL: http://gateway:9091 is enough",
            ),
            ("gateway:9091", 405, "", "check its port (9091 by default)"),
            ("gateway:9091", 407, "", "the proxy wants a user"),
            ("gateway:9091", 404, "", "--web.route-prefix"),
            ("gateway:9091", 401, "Unauthorized", "PUSHGATEWAY_USER"),
            (
                "gateway:9091",
                400,
                "Client sent an HTTP request to an HTTPS server.",
                "https://",
            ),
            ("gateway:9091", 200, "<html>", "a web page"),
        ] {
            let hint = hint(address, status, None, body);
            assert!(hint.contains(expected), "{address} {status}: {hint}");
        }
        assert_eq!(hint("gateway:9091", 500, None, "no space left"), "");
        assert_eq!(
            hint("gateway:9091", 400, None, "text format parsing error"),
            ""
        );
    }

    #[test]
    fn a_redirect_leads_to_a_base_without_its_secrets() {
        for (location, expected) in [
            (
                "https://u:hunter2@gateway/metrics/job/app?token=hunter2",
                "leads to https://gateway, name",
            ),
            (
                "https://gateway/base/metrics/job/app/",
                "leads to https://gateway/base, name",
            ),
            ("/login?next=hunter2", "leads to /login, name"),
            ("/metrics/job/app/", "leads to the same place"),
        ] {
            let hint = hint("gateway:9091", 302, Some(location), "");
            assert!(
                hint.contains(expected) && !hint.contains("hunter2"),
                "{hint}"
            );
        }
        assert!(hint("gateway:9091", 301, None, "").contains("not followed"));
    }

    #[test]
    fn a_port_that_no_url_names_is_said() {
        for (address, expected) in [
            ("http://gateway", "asked at port 80;"),
            ("http://[::1]/base", "asked at port 80;"),
            ("https://gateway/base", "asked at port 443;"),
        ] {
            let hint = port(address);
            assert!(hint.contains(expected), "{address}: {hint}");
        }
        for address in ["http://gateway:9091", "https://[::1]:9091/base"] {
            assert_eq!(port(address), "", "{address}");
        }
    }

    #[test]
    fn a_page_is_shown_by_its_title() {
        assert_eq!(
            title("<html> <head><title> 405 Not Allowed</title>"),
            "405 Not Allowed"
        );
        assert_eq!(title("<html>"), "");
    }
}
