//! What the view shows: the figures of both sides at one moment.

use std::{collections::BTreeMap, time::Duration};

use metrics_core::{Latency, Metrics, OutcomeKind};

/// One side's figures, over all its methods.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Side {
    /// Calls per second in the window.
    pub(crate) calls_per_second: f64,
    /// Calls that ended since the start.
    pub(crate) finished: u64,
    /// Of these, the ones that succeeded.
    pub(crate) succeeded: u64,
    /// Failed calls since the start, by kind; kinds that never happened are absent.
    pub(crate) failed: BTreeMap<&'static str, u64>,
    /// Calls that are running.
    pub(crate) in_flight: u64,
    /// Response times in the window; none without a call in it.
    pub(crate) latency: Option<Latency>,
}

impl Side {
    /// Reads one side's figures, the same that a scrape shows at this moment. The sample has one method, so that its
    /// quantiles are the side's.
    pub(crate) fn read(metrics: &Metrics, side: metrics_core::Side) -> Self {
        let mut sum = Self::default();
        for method in metrics.figures(side) {
            sum.calls_per_second += method.qps;
            sum.in_flight += method.in_flight;
            for kind in OutcomeKind::ALL {
                let count = method.outcomes.of(kind);
                sum.finished += count;
                match kind {
                    OutcomeKind::Success => sum.succeeded += count,
                    _ if count > 0 => *sum.failed.entry(kind.name()).or_default() += count,
                    _ => {}
                }
            }
            sum.latency = sum.latency.or(method.latency);
        }
        sum
    }

    /// Returns the share of calls that succeeded, from 0 to 1. It is 1 as long as none has ended, as on the dashboard.
    pub(crate) fn success_rate(&self) -> f64 {
        if self.finished == 0 {
            return 1.0;
        }
        self.succeeded as f64 / self.finished as f64
    }
}

/// Both sides' figures at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// Time since the start.
    pub(crate) elapsed: Duration,
    /// What the provider measured.
    pub(crate) provider: Side,
    /// What the consumer measured.
    pub(crate) consumer: Side,
}
