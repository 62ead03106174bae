//! The status page: one file with no outside assets, which reads the text of `/prometheus` as Prometheus does.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use super::path::MetricsPath;

/// The page, but for what it cannot read in the text: [`WINDOW`], [`PATH`] and [`PROBES`] stand in its `meta` elements.
const HTML: &str = include_str!("page.html");
/// Stands for the length of the sliding window in seconds.
const WINDOW: &str = "WINDOW_SECONDS";
/// Stands for the path of the text, without its first slash: relative to the page, behind whatever proxy.
const PATH: &str = "METRICS_PATH";
/// Stands for the address of the probes; nothing when there are none.
const PROBES: &str = "PROBE_ADDRESS";

/// The page as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    /// Makes the page of a process with this sliding window, whose text is at this path, and with these probes.
    pub(super) fn new(window: Duration, path: &MetricsPath, probes: Option<SocketAddr>) -> Self {
        // Numbers, dots, colons, and what a path may hold: nothing to escape.
        let probes = probes.map_or_else(String::new, |address| address.to_string());
        let html = HTML
            .replacen(WINDOW, &window.as_secs_f64().to_string(), 1)
            .replace(PATH, path.as_str().trim_start_matches('/'))
            .replacen(PROBES, &probes, 1);
        Self {
            policy: policy(&html),
            html: html.into(),
        }
    }

    /// Returns the answer to a request.
    pub(super) fn response(&self) -> Response {
        const NO_REFERRER: (HeaderName, HeaderValue) = (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        const NO_SNIFFING: (HeaderName, HeaderValue) = (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        // After an update of the process the browser must not go on with the old page.
        const NO_CACHE: (HeaderName, HeaderValue) =
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let policy = (header::CONTENT_SECURITY_POLICY, self.policy.clone());
        (
            [NO_REFERRER, NO_SNIFFING, NO_CACHE, policy],
            Html(self.html.clone()),
        )
            .into_response()
    }
}

/// Returns the Content-Security-Policy under which the page's own style and script work, and nothing else does: label values
/// come from the network. <https://www.w3.org/TR/CSP3/>
fn policy(html: &str) -> HeaderValue {
    let [style, script] = ["style", "script"].map(|element| {
        let content = html
            .split_once(&format!("<{element}>"))
            .and_then(|(_, rest)| rest.split_once(&format!("</{element}>")))
            .map_or("", |(content, _)| content);
        STANDARD.encode(digest(&SHA256, content.as_bytes()))
    });
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    HeaderValue::try_from(policy).expect("it is ASCII without control characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_one_file_with_one_style_and_one_script() {
        for element in ["style", "script"] {
            for tag in [format!("<{element}"), format!("</{element}>")] {
                assert_eq!(HTML.matches(&tag).count(), 1, "{tag}");
            }
            assert!(HTML.contains(&format!("<{element}>")), "without attributes");
        }
        for outside in ["src=", "@import", "url(", " style=", "href=\"http"] {
            assert!(!HTML.contains(outside), "{outside}");
        }
    }

    #[test]
    fn labels_cannot_become_html() {
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!HTML.contains(sink), "{sink}");
        }
    }

    #[test]
    fn what_the_text_does_not_tell_stands_in_the_page() {
        let path = "/a/metrics".parse().unwrap();
        let page = Page::new(
            Duration::from_millis(1500),
            &path,
            Some("127.0.0.1:8080".parse().unwrap()),
        );
        let html = std::str::from_utf8(&page.html).unwrap();
        assert!(html.contains("name=\"window-seconds\" content=\"1.5\""));
        assert!(html.contains("name=\"probe-address\" content=\"127.0.0.1:8080\""));
        assert!(html.contains("name=\"metrics-path\" content=\"a/metrics\""));
        assert!(html.contains("<a href=\"a/metrics\">") && !html.contains(PATH));
        let page = Page::new(Duration::from_secs(120), &MetricsPath::default(), None);
        let html = std::str::from_utf8(&page.html).unwrap();
        assert!(html.contains("name=\"window-seconds\" content=\"120\""));
        assert!(html.contains("name=\"probe-address\" content=\"\""));
    }

    #[test]
    fn the_policy_names_hashes_and_allows_nothing_inline_beside_them() {
        let policy = policy("<style>a</style><script>b</script>");
        let policy = policy.to_str().unwrap();
        // printf a | openssl dgst -sha256 -binary | base64
        assert!(
            policy.contains("style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=';"),
            "{policy}"
        );
        assert!(
            policy.contains("script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=';"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
    }
}
