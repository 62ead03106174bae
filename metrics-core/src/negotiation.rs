//! One scrape: which format it asks for, and the answer.

use http::{HeaderMap, header};

use crate::exposition::Format;
use crate::metrics::Metrics;

/// What a scrape is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// The value of the header `content-type`.
    pub content_type: String,
    /// The body, not compressed.
    pub body: Vec<u8>,
}

impl Metrics {
    /// Answers a scrape with these headers in the format that its `accept` asks for: text, OpenMetrics, or protobuf with native histograms.
    /// For servers that have a route of their own. It may take milliseconds: call it where no calls are served.
    pub fn scrape(&self, headers: &HeaderMap) -> Scrape {
        let Accepted {
            format,
            content_type,
        } = accepted(headers);
        Scrape {
            content_type,
            body: self.written(format, self.config().families),
        }
    }
}

/// A format, and the content type that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) format: Format,
    pub(crate) content_type: String,
}

/// Returns the format with the greatest weight in `Accept`, the first one of equal weights; the text format when none is known.
pub(crate) fn accepted(headers: &HeaderMap) -> Accepted {
    let values = headers
        .get_all(header::ACCEPT)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let mut best: Option<(f32, Accepted)> = None;
    for range in values.flat_map(|value| value.split(',')) {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        let parameter = |wanted: &str| {
            parameters.split(';').find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case(wanted)
                    .then(|| value.trim().trim_matches('"'))
            })
        };
        let weight = parameter("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
        let Some(format) = of_range(name.trim(), parameter) else {
            continue;
        };
        if weight > 0.0 && best.as_ref().is_none_or(|(w, _)| weight > *w) {
            best = Some((weight, format));
        }
    }
    best.map_or_else(|| text("0.0.4", None), |(_, accepted)| accepted)
}

fn of_range<'a>(name: &str, parameter: impl Fn(&str) -> Option<&'a str>) -> Option<Accepted> {
    let (version, escaping) = (parameter("version"), parameter("escaping"));
    match name.to_ascii_lowercase().as_str() {
        "application/vnd.google.protobuf"
            if parameter("proto") == Some("io.prometheus.client.MetricFamily")
                && parameter("encoding") == Some("delimited") =>
        {
            Some(Accepted {
                format: Format::Protobuf,
                content_type: with_escaping(
                    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited".to_owned(),
                    escaping,
                ),
            })
        }
        "application/openmetrics-text" => {
            let version = version.unwrap_or("1.0.0");
            ["0.0.1", "1.0.0"].contains(&version).then(|| Accepted {
                format: Format::OpenMetrics,
                content_type: with_escaping(
                    format!("application/openmetrics-text; version={version}; charset=utf-8"),
                    escaping,
                ),
            })
        }
        "text/plain" => match version.unwrap_or("0.0.4") {
            version @ ("0.0.4" | "1.0.0") => Some(text(version, escaping)),
            _ => None,
        },
        "text/*" | "*/*" => Some(text("0.0.4", None)),
        _ => None,
    }
}

fn text(version: &str, escaping: Option<&str>) -> Accepted {
    Accepted {
        format: Format::Text,
        content_type: with_escaping(
            format!("text/plain; version={version}; charset=utf-8"),
            escaping,
        ),
    }
}

/// Says how names are escaped where that was asked for. All names are of the classic alphabet: every scheme leaves them as they are.
fn with_escaping(content_type: String, asked: Option<&str>) -> String {
    match asked {
        Some(scheme @ ("allow-utf-8" | "underscores" | "dots" | "values")) => {
            format!("{content_type}; escaping={scheme}")
        }
        _ => content_type,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(accept: &'static str) -> Accepted {
        accepted(&HeaderMap::from_iter([(
            header::ACCEPT,
            HeaderValue::from_static(accept),
        )]))
    }

    #[test]
    fn the_format_of_the_greatest_weight_is_taken() {
        let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        for (accept, format, content_type) in [
            // Prometheus 2.42, 3.x, the latter with native histograms, a browser, curl.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            ),
            (
                "text/plain;version=1.0.0;escaping=underscores",
                Format::Text,
                "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
            ),
            (
                "text/html,application/xhtml+xml,*/*;q=0.8",
                Format::Text,
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            (
                "*/*",
                Format::Text,
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            (
                "application/json",
                Format::Text,
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            (
                "application/openmetrics-text;version=2.0.0,text/plain;q=0.1",
                Format::Text,
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            (
                "application/openmetrics-text;version=1.0.0;q=0,text/plain;q=0.1",
                Format::Text,
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            (
                "application/vnd.google.protobuf;proto=other;encoding=delimited,*/*;q=0.1",
                Format::Text,
                "text/plain; version=0.0.4; charset=utf-8",
            ),
        ] {
            let taken = of(accept);
            assert_eq!(
                (taken.format, &*taken.content_type),
                (format, content_type),
                "{accept}"
            );
        }
        let all = format!("{protobuf},application/openmetrics-text;version=1.0.0;q=0.8");
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::try_from(all).unwrap())]);
        assert_eq!(accepted(&headers).format, Format::Protobuf);
        assert_eq!(
            accepted(&HeaderMap::new()).format,
            Format::Text,
            "nothing said"
        );
    }
}
