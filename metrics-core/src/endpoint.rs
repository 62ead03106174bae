//! Serves the text to Prometheus.
//!
//! * `GET /prometheus`, or another path: every family, compressed when the client takes gzip
//! * `GET /`: a status page, unless it is turned off

mod page;
mod path;
mod shared;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use guarded_http::{Protection, Server};
use tokio::net::TcpListener;

use crate::config::Families;
use crate::metrics::{Metrics, ticking};
use crate::negotiation::{Accepted, accepted};
use page::Page;
pub use path::{METRICS_PATH, MetricsPath, PathError};
use shared::{Kind, Texts};

/// The HTTP endpoint that Prometheus scrapes.
#[derive(Clone, Debug)]
pub struct Endpoint {
    metrics: Metrics,
    path: MetricsPath,
    page: bool,
    probes: Option<SocketAddr>,
    protection: Protection,
}

impl Endpoint {
    /// Makes an endpoint for these metrics, with the page.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            metrics: metrics.clone(),
            path: MetricsPath::default(),
            page: true,
            probes: None,
            protection: Protection::default(),
        }
    }

    /// Sets the path of the text; [`METRICS_PATH`] unless it is set.
    #[must_use]
    pub fn path(mut self, path: &MetricsPath) -> Self {
        self.path = path.clone();
        self
    }

    /// Sets whether `GET /` answers with a status page, which reads the text as Prometheus does.
    #[must_use]
    pub fn page(mut self, page: bool) -> Self {
        self.page = page;
        self
    }

    /// Sets the address of the [`Probes`](crate::Probes) that the page links to.
    #[must_use]
    pub fn probes(mut self, address: Option<SocketAddr>) -> Self {
        self.probes = address;
        self
    }

    /// Sets what stands before the endpoint; nothing does unless it is set.
    #[must_use]
    pub fn protection(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    /// Returns the routes, behind the login if there is one, for servers that have others besides. Such a server spawns
    /// [`Metrics::ticker`] too.
    pub fn router(self) -> Router {
        let Self {
            metrics,
            path,
            page,
            probes,
            protection,
        } = self;
        let mut router = Router::new().route(path.as_str(), get(text));
        if page {
            let page = Page::new(metrics.config().window, &path, probes);
            router = router.route("/", get(async move || page.response()));
        }
        let scraped = Scraped {
            metrics,
            texts: Arc::default(),
        };
        protection.protect(router.with_state(scraped))
    }

    /// Serves, and moves the window, until `shutdown` is done and the open requests are answered, within the limits of [`guarded_http`].
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let tls = self.protection.tls.clone();
        let ticker = self.metrics.ticker();
        let server = Server::new(self.router()).tls(tls);
        tokio::select! {
            () = server.serve(listener, shutdown) => {}
            // The routes hold a handle to the metrics: it does not end before they do.
            () = ticking(ticker) => {}
        }
    }
}

/// What stands after the question mark of a scrape.
#[derive(Debug, Default)]
struct Asked {
    families: Option<Families>,
}

impl Asked {
    /// Reads `families=all` or `families=lean`; anything else asks for nothing.
    fn parse(query: Option<&str>) -> Self {
        let mut pairs = query.unwrap_or("").split('&');
        let families = pairs.find_map(|pair| match pair {
            "families=all" => Some(Families::All),
            "families=lean" => Some(Families::Lean),
            _ => None,
        });
        Self { families }
    }
}

/// What the routes read.
#[derive(Clone, Debug)]
struct Scraped {
    metrics: Metrics,
    texts: Arc<Texts>,
}

async fn text(State(scraped): State<Scraped>, uri: Uri, headers: HeaderMap) -> Response {
    let Scraped { metrics, texts } = scraped;
    let Accepted {
        format,
        content_type,
    } = accepted(&headers);
    let families = Asked::parse(uri.query()).families;
    let kind = Kind {
        format,
        families: families.unwrap_or(metrics.config().families),
        gzip: takes_gzip(&headers),
    };
    match texts.of(kind, async || write(metrics, kind).await).await {
        Ok(body) => {
            let fields = [
                (header::CONTENT_TYPE, &*content_type),
                // One address has several answers.
                (header::VARY, "accept, accept-encoding"),
            ];
            let coding = kind.gzip.then_some([(header::CONTENT_ENCODING, "gzip")]);
            match coding {
                Some(coding) => (fields, coding, body).into_response(),
                None => (fields, body).into_response(),
            }
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Thousands of series take milliseconds: not on a thread that may serve calls.
async fn write(metrics: Metrics, kind: Kind) -> io::Result<Vec<u8>> {
    let written = tokio::task::spawn_blocking(move || {
        let text = metrics.written(kind.format, kind.families);
        if kind.gzip { gzip(&text) } else { Ok(text) }
    });
    written.await.map_err(io::Error::other)?
}

fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
}

/// Tells whether `Accept-Encoding` names gzip with a weight above 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(header::ACCEPT_ENCODING)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.parse().is_ok_and(|q: f32| q == 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_taken_when_it_is_named_and_not_refused() {
        let cases = [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("identity", false),
            ("", false),
        ];
        for (text, expected) in cases {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]);
            assert_eq!(takes_gzip(&headers), expected, "{text:?}");
        }
        assert!(!takes_gzip(&HeaderMap::new()), "nothing said");
    }
}
