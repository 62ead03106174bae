//! Scrapes of every kind that differs in what it costs.

use http::{HeaderMap, HeaderValue, header};
use metrics_core::{Clock, Config, Families, ManualClock, Metrics};

use crate::populate;

/// One kind of scrape.
#[derive(Clone, Copy, Debug)]
pub struct ScrapeKind {
    /// Its name in reports.
    pub name: &'static str,
    families: Families,
    /// Whether there are classic buckets.
    classic: bool,
    accept: &'static str,
}

const TEXT: &str = "text/plain";
const OPEN_METRICS: &str = "application/openmetrics-text";
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// The kinds that `docs/benchmarks.md` shows.
pub const SCRAPES: [ScrapeKind; 6] = [
    ScrapeKind::new("all-text", Families::All, true, TEXT),
    ScrapeKind::new("all-openmetrics", Families::All, true, OPEN_METRICS),
    ScrapeKind::new("all-protobuf", Families::All, true, PROTOBUF),
    ScrapeKind::new("lean-text", Families::Lean, true, TEXT),
    ScrapeKind::new("lean-openmetrics", Families::Lean, true, OPEN_METRICS),
    ScrapeKind::new("lean-native", Families::Lean, false, PROTOBUF),
];

impl ScrapeKind {
    const fn new(
        name: &'static str,
        families: Families,
        classic: bool,
        accept: &'static str,
    ) -> Self {
        Self {
            name,
            families,
            classic,
            accept,
        }
    }

    /// Returns metrics with so many series in use, and the clock that they were made with. `traced` calls leave exemplars.
    ///
    /// # Panics
    /// Never: the configuration is legal.
    pub fn metrics(self, series: usize, traced: bool) -> (Metrics, ManualClock) {
        let (clock, manual) = Clock::manual();
        let mut config = Config::default().clock(clock).families(self.families);
        if !self.classic {
            config = config.buckets(Vec::new());
        }
        let metrics = Metrics::new(config).expect("legal");
        populate(&metrics, &manual, series, traced);
        (metrics, manual)
    }

    /// Returns the headers of the scrape.
    pub fn headers(self) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(self.accept))])
    }
}
