//! Keeps providers out that fail while others do not: outlier ejection, as Envoy and gRPC (proposal A50) word it.
//!
//! A provider is ejected after [`CONSECUTIVE`] failures in a row, or when its share of failures stands out. At most half of the
//! providers are ejected at a time, so that a fault of the consumer's own cannot leave it without any. When its time is over an
//! ejected provider gets one call as a trial: it comes back with a success, and stays out twice as long after a failure.
//!
//! What differs from A50: the first ejection takes one second instead of thirty, since a trial costs one attempt, which failover
//! makes again, and not five. Shares are compared with the first failure after an interval, so that no timer is needed. Half of the
//! providers may be ejected instead of a tenth: a third of them may be bad at once, and those that are left share the calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use metrics_core::RegistryMetrics;
use parking_lot::Mutex;

use super::clock::Moment;
use super::ejection::{FIRST_EJECTION, INTERVAL};
use super::endpoint::Endpoint;
use super::standing::Share;

/// Failures in a row that eject: the number that Envoy and gRPC have. Fewer would eject a provider for a short fault.
pub(crate) const CONSECUTIVE: u32 = 5;

/// The share of failures, in percent, that ejects whatever the others' is, and the calls that it takes to tell.
const FAILURE_SHARE: u32 = 50;
const FEWEST_CALLS: u32 = 20;

/// What it takes to compare a provider with the others: this many providers with so many calls each, a success rate so many standard
/// deviations below the mean, and a share of failures (percent), without which one failure in a thousand would stand out among
/// providers that have none.
const FEWEST_PROVIDERS: usize = 5;
const FEWEST_CALLS_TO_COMPARE: u32 = 100;
const DEVIATIONS: f64 = 1.9;
const FAILURE_SHARE_TO_COMPARE: u32 = 10;

/// The share of the providers, in percent, that may be ejected at a time.
const MOST_EJECTED: usize = 50;

/// How long the outcome of a trial is waited for before there is another one.
const TRIAL: Duration = Duration::from_secs(5);

/// Decides which providers are ejected, for all calls of one consumer.
#[derive(Debug, Default)]
pub(crate) struct Ejector {
    /// The first moment at which an ejected provider may be tried (microseconds); 0 while none is ejected.
    next_trial: AtomicU64,
    /// When shares are looked at next. Held while providers are ejected, so that the bound is kept.
    next_look: Mutex<Option<Moment>>,
    metrics: Option<RegistryMetrics>,
}

impl Ejector {
    pub(crate) fn new(metrics: Option<RegistryMetrics>) -> Self {
        Self {
            metrics,
            ..Self::default()
        }
    }

    /// Notes an attempt that began at `begun` and was answered. True when this brings the provider back.
    pub(crate) fn succeeded(&self, endpoint: &Endpoint, begun: Moment, now: Moment) -> bool {
        let is_back = endpoint.standing().ejection().end(begun, now);
        if is_back {
            tracing::info!(provider = endpoint.address(), "an ejected provider is back");
        }
        is_back
    }

    /// Notes an attempt that began at `begun` and failed, `in_a_row` with those before it. True when this ejects a provider.
    pub(crate) fn failed(
        &self,
        endpoints: &[Arc<Endpoint>],
        endpoint: &Endpoint,
        in_a_row: u32,
        begun: Moment,
        now: Moment,
    ) -> bool {
        // Another failure that is looked at just now is as good as this one.
        let Some(mut next_look) = self.next_look.try_lock() else {
            return false;
        };
        let ejection = endpoint.standing().ejection();
        if ejection.is_ejected() {
            if ejection.end_trial(begun) {
                self.eject(endpoint, "the trial failed", now);
            }
            return false;
        }
        let mut ejected = false;
        if in_a_row >= CONSECUTIVE && has_room(endpoints) {
            let reason = format!("{in_a_row} failures in a row");
            self.eject(endpoint, &reason, now);
            ejected = true;
        }
        if next_look.is_none_or(|at| now >= at) {
            let first = next_look.replace(now + INTERVAL).is_none();
            let shares = endpoints
                .iter()
                .map(|e| (e, e.standing().look()))
                .collect::<Vec<_>>();
            if !first {
                ejected |= self.compare(endpoints, &shares, now);
            }
        }
        ejected
    }

    /// Returns an ejected provider that is to be tried with a call that begins now, and takes the trial.
    pub(crate) fn trial<'e>(
        &self,
        endpoints: &'e [Arc<Endpoint>],
        now: Moment,
    ) -> Option<&'e Arc<Endpoint>> {
        let next = self.next_trial.load(Relaxed);
        if next == 0 || now.micros() < next {
            return None;
        }
        let _looking = self.next_look.try_lock()?;
        let is_calling = |e: &Arc<Endpoint>| {
            e.standing().has_weight() && e.is_fit() && !e.standing().ejection().is_ejected()
        };
        // A provider of weight 0 is called while no other can be: only then is a trial of use.
        let weight_calls = endpoints.iter().any(is_calling);
        let mut tried = None;
        let mut next = u64::MAX;
        for endpoint in endpoints {
            let ejection = endpoint.standing().ejection();
            let is_wanted =
                endpoint.is_fit() && (endpoint.standing().has_weight() || !weight_calls);
            let Some(mut due) = ejection.due() else {
                continue;
            };
            if due <= now.micros() && tried.is_none() {
                // One that cannot or need not be called is looked at again later.
                let again = (now + if is_wanted { TRIAL } else { FIRST_EJECTION }).micros();
                if ejection.defer(due, again) && is_wanted {
                    ejection.begin_trial(now);
                    tried = Some(endpoint);
                }
                due = again;
            }
            next = next.min(due);
        }
        let next = if next == u64::MAX { 0 } else { next };
        self.next_trial.store(next, Relaxed);
        tried
    }

    /// Ejects those whose share of failures stands out.
    fn compare(
        &self,
        endpoints: &[Arc<Endpoint>],
        shares: &[(&Arc<Endpoint>, Share)],
        now: Moment,
    ) -> bool {
        let lowest = lowest_success_rate(shares);
        let mut ejected = false;
        for (endpoint, share) in shares {
            let failing = share.percent_failed();
            let many = share.calls >= FEWEST_CALLS && failing >= FAILURE_SHARE;
            let unlike = share.calls >= FEWEST_CALLS_TO_COMPARE
                && failing >= FAILURE_SHARE_TO_COMPARE
                && lowest.is_some_and(|lowest| share.success_rate() < lowest);
            let out = endpoint.standing().ejection().is_ejected();
            if (many || unlike) && !out && has_room(endpoints) {
                let reason = format!("{failing} % of {} calls failed", share.calls);
                self.eject(endpoint, &reason, now);
                ejected = true;
            }
        }
        ejected
    }

    fn eject(&self, endpoint: &Endpoint, reason: &str, now: Moment) {
        let pause = endpoint.standing().ejection().begin(now);
        let due = (now + pause).micros();
        let next = self.next_trial.load(Relaxed);
        if next == 0 || due < next {
            self.next_trial.store(due, Relaxed);
        }
        if let Some(metrics) = &self.metrics {
            metrics.ejected();
        }
        tracing::warn!(
            provider = endpoint.address(),
            reason,
            ?pause,
            "a provider is ejected: calls go to others until a trial succeeds"
        );
    }
}

/// Returns whether one more provider may be ejected.
fn has_room(endpoints: &[Arc<Endpoint>]) -> bool {
    let ejected = endpoints
        .iter()
        .filter(|e| e.standing().ejection().is_ejected());
    (ejected.count() + 1) * 100 <= endpoints.len() * MOST_EJECTED
}

/// Returns the success rate below which a provider is an outlier; none where too few can be compared.
fn lowest_success_rate(shares: &[(&Arc<Endpoint>, Share)]) -> Option<f64> {
    let rates: Vec<f64> = shares
        .iter()
        .filter(|(_, share)| share.calls >= FEWEST_CALLS_TO_COMPARE)
        .map(|(_, share)| share.success_rate())
        .collect();
    if rates.len() < FEWEST_PROVIDERS {
        return None;
    }
    let count = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / count;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
    Some(mean - DEVIATIONS * variance.sqrt())
}

#[cfg(test)]
mod tests;
