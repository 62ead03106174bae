//! What the daemon tells Prometheus about itself.
//!
//! Every series exists from the start with zero, so that an alert on a rate never lacks its first sample.

use std::collections::HashMap;
use std::time::SystemTime;

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry, TextEncoder,
};

use crate::error::PassError;
use crate::listing::ListingError;
use crate::report::Report;
use crate::select::Verdict;

/// Bounds for the duration of passes, in seconds: a handful of groups takes milliseconds, ten thousand some seconds.
const DURATION_BOUNDS: [f64; 11] = [
    0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0,
];

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// A group that cannot be told from another.
    Ambiguous,
    /// No age can be told from the gateway's clock.
    Clock,
    /// A deletion that failed for good.
    Deletion,
    /// An answer that is no listing.
    Garbage,
    /// More groups selected than `--max-deletes` allows.
    MaxDeletes,
    /// A gateway that refuses.
    Refused,
    /// A report that cannot be written.
    Report,
    /// A deletion that was accepted and not made.
    StillListed,
    /// A gateway that does not answer in time.
    Timeout,
    /// A gateway that cannot be reached.
    Unreachable,
}

impl Failure {
    const ALL: [Self; 10] = [
        Self::Ambiguous,
        Self::Clock,
        Self::Deletion,
        Self::Garbage,
        Self::MaxDeletes,
        Self::Refused,
        Self::Report,
        Self::StillListed,
        Self::Timeout,
        Self::Unreachable,
    ];

    /// Returns the value of the label `reason`.
    fn reason(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::Clock => "clock",
            Self::Deletion => "deletion",
            Self::Garbage => "garbage",
            Self::MaxDeletes => "max_deletes",
            Self::Refused => "refused",
            Self::Report => "report",
            Self::StillListed => "still_listed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
        }
    }
}

/// The metrics of a cleaner; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    checked: IntCounter,
    deleted: IntCounter,
    spared: IntCounter,
    errors: IntCounter,
    failures: HashMap<Failure, IntCounter>,
    groups: HashMap<Verdict, IntGauge>,
    passes_succeeded: IntCounter,
    passes_failed: IntCounter,
    duration: Histogram,
    window: Gauge,
    last_success: Gauge,
}

impl Metrics {
    /// Makes the metrics, all zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| add(&registry, IntCounter::new(name, help));
        let labelled = |name: &str, help: &str, label: &str, value: &str| {
            let options = Opts::new(name, help).const_label(label, value);
            add(&registry, IntCounter::with_opts(options))
        };
        let passes = |result| {
            labelled(
                "pgw_cleaner_passes_total",
                "Passes that came to their end, by result",
                "result",
                result,
            )
        };
        let histogram =
            HistogramOpts::new("pgw_cleaner_pass_duration_seconds", "Duration of passes")
                .buckets(DURATION_BOUNDS.to_vec());
        Self {
            checked: counter(
                "pgw_cleaner_checked_total",
                "Groups seen by the first reading of each pass",
            ),
            deleted: counter("pgw_cleaner_deleted_total", "Groups deleted"),
            spared: counter(
                "pgw_cleaner_spared_total",
                "Expired groups that were pushed to before their deletion",
            ),
            errors: counter("pgw_cleaner_errors_total", "Failures of any kind"),
            failures: Failure::ALL
                .into_iter()
                .map(|failure| {
                    (
                        failure,
                        labelled(
                            "pgw_cleaner_failures_total",
                            "Failures by reason",
                            "reason",
                            failure.reason(),
                        ),
                    )
                })
                .collect(),
            groups: Verdict::ALL
                .into_iter()
                .map(|verdict| {
                    let options = Opts::new(
                        "pgw_cleaner_groups",
                        "Groups in the latest reading, by verdict",
                    )
                    .const_label("verdict", verdict.name());
                    (verdict, add(&registry, IntGauge::with_opts(options)))
                })
                .collect(),
            passes_succeeded: passes("success"),
            passes_failed: passes("failure"),
            duration: add(&registry, Histogram::with_opts(histogram)),
            window: add(
                &registry,
                Gauge::new(
                    "pgw_cleaner_window_seconds",
                    "Longest time in the latest pass from asking for a reading to the end of a deletion that rested on it",
                ),
            ),
            last_success: add(
                &registry,
                Gauge::new(
                    "pgw_cleaner_last_success_timestamp_seconds",
                    "When the latest pass without any failure ended, in seconds since 1970",
                ),
            ),
            registry,
        }
    }

    /// Returns the text that Prometheus scrapes.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics cannot be shown");
        }
        text
    }

    pub(crate) fn surveyed(&self, verdicts: &HashMap<Verdict, usize>) {
        for (verdict, gauge) in &self.groups {
            let count = verdicts.get(verdict).copied().unwrap_or_default();
            self.checked.inc_by(count as u64);
            gauge.set(count as i64);
        }
    }

    pub(crate) fn deleted(&self) {
        self.deleted.inc();
    }

    pub(crate) fn failed(&self, failure: Failure) {
        self.errors.inc();
        if let Some(counter) = self.failures.get(&failure) {
            counter.inc();
        }
    }

    pub(crate) fn pass_ended(&self, report: &Report) {
        if let Some(failure) = report.error.as_ref().and_then(failure) {
            self.failed(failure);
        }
        self.spared.inc_by(report.count("pushed_again") as u64);
        self.duration.observe(report.duration.as_secs_f64());
        self.window
            .set(report.window.unwrap_or_default().as_secs_f64());
        if report.error.is_none() && report.count("failed") == 0 {
            self.passes_succeeded.inc();
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            self.last_success.set(now.as_secs_f64());
        } else {
            self.passes_failed.inc();
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the failure that ended a pass; a stop is none.
fn failure(error: &PassError) -> Option<Failure> {
    Some(match error {
        PassError::Stopped => return None,
        PassError::TooMany { .. } => Failure::MaxDeletes,
        PassError::Window(_) => Failure::Deletion,
        PassError::Deletion(error) | PassError::Listing(ListingError::Gateway(error)) => {
            match error {
                pushgateway::Error::TimedOut { .. } => Failure::Timeout,
                pushgateway::Error::Unreachable { .. } => Failure::Unreachable,
                _ => Failure::Refused,
            }
        }
        PassError::Listing(ListingError::Garbage { .. }) => Failure::Garbage,
        PassError::Listing(
            ListingError::NoClock { .. }
            | ListingError::Cached { .. }
            | ListingError::ClockStepped { .. },
        ) => Failure::Clock,
    })
}

fn add<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect("the names in this file are legal");
    registry
        .register(Box::new(collector.clone()))
        .expect("the names in this file differ");
    collector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_exists_from_the_start() {
        insta::assert_snapshot!(Metrics::new().text());
    }

    #[test]
    fn the_readme_has_every_metric_and_label_value() {
        let readme = include_str!("../README.md");
        let text = Metrics::new().text();
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next());
        let values = Failure::ALL
            .map(Failure::reason)
            .into_iter()
            .chain(Verdict::ALL.map(Verdict::name));
        for name in names.chain(values) {
            assert!(readme.contains(&format!("`{name}")), "{name} is missing");
        }
    }

    #[test]
    fn a_failure_counts_under_its_reason_and_in_all() {
        let metrics = Metrics::new();
        Failure::ALL
            .into_iter()
            .for_each(|failure| metrics.failed(failure));
        let text = metrics.text();
        assert!(text.contains("pgw_cleaner_errors_total 10\n"), "{text}");
        for reason in Failure::ALL.map(Failure::reason) {
            assert!(
                text.contains(&format!(
                    "pgw_cleaner_failures_total{{reason=\"{reason}\"}} 1\n"
                )),
                "{text}"
            );
        }
    }
}
