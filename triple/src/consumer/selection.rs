//! Balancer, ejection and budget of one consumer: whom an attempt goes to, and what its outcome changes.
//!
//! Without input or output and with the moment as an argument, so that the simulation in `selection/tests.rs` runs what calls run.

use std::sync::Arc;
use std::time::Duration;

use super::balance::{Balancer, LoadBalance};
use super::clock::Moment;
use super::ejector::Ejector;
use super::endpoint::Endpoint;
use super::throttle::Throttle;

/// Refusals without an answer among them that eject: a provider with ten times the calls that it can do answers one of them before.
const REFUSALS: u32 = 40;

/// What the calls of one consumer decide together.
#[derive(Debug)]
pub(crate) struct Selection {
    balancer: Balancer,
    ejector: Ejector,
    throttle: Throttle,
}

impl Selection {
    pub(crate) fn new(policy: LoadBalance, ejector: Ejector) -> Self {
        Self {
            balancer: Balancer::new(policy),
            ejector,
            throttle: Throttle::default(),
        }
    }

    /// Chooses the provider for the next attempt of a call; none when no provider is open.
    pub(crate) fn pick<'e>(
        &self,
        endpoints: &'e [Arc<Endpoint>],
        tried: &[Arc<Endpoint>],
        now: Moment,
    ) -> Option<&'e Arc<Endpoint>> {
        // A trial takes a call that can still go elsewhere.
        let trial = if tried.is_empty() {
            self.ejector.trial(endpoints, now)
        } else {
            None
        };
        trial.or_else(|| self.balancer.pick(endpoints, tried, now))
    }

    /// Returns whether the last attempt of a call does well to wait: no provider has answered yet that it can go to, and one is being
    /// connected, or may answer another call soon. At the start of a consumer, bad providers must not use up the attempts of a call.
    pub(crate) fn awaits_answer(
        &self,
        endpoints: &[Arc<Endpoint>],
        tried: &[Arc<Endpoint>],
    ) -> bool {
        let untried = |e: &&Arc<Endpoint>| {
            let (standing, fit) = (e.standing(), e.is_fit());
            let may_answer = fit || (e.is_connecting() && !e.is_asleep());
            may_answer && standing.has_weight() && !standing.is_failing() && !e.is_among(tried)
        };
        let open = || endpoints.iter().filter(untried);
        let is_promising = |e: &Arc<Endpoint>| !e.is_fit() || e.standing().in_flight() > 0;
        open().nth(1).is_some()
            && !open().any(|e| e.is_fit() && e.standing().is_proven())
            && open().any(is_promising)
    }

    /// Notes an attempt that a provider answered after so long. True when this changes which providers are called.
    pub(crate) fn answered(&self, endpoint: &Endpoint, now: Moment, took: Duration) -> bool {
        endpoint.standing().succeeded(now, took);
        self.throttle.succeeded();
        self.ejector.succeeded(endpoint, begun(now, took), now)
    }

    /// Notes an attempt that failed, after so long, in a way that another provider's might not. True when this changes which providers
    /// are called.
    pub(crate) fn failed(
        &self,
        endpoints: &[Arc<Endpoint>],
        endpoint: &Endpoint,
        now: Moment,
        took: Duration,
    ) -> bool {
        let in_a_row = endpoint.standing().failed(now);
        let begun = begun(now, took);
        self.ejector
            .failed(endpoints, endpoint, in_a_row, begun, now)
    }

    /// Notes an attempt that the provider refused, after so long, because of a limit of its own. A provider that is overloaded and answers
    /// what it can is not ejected: the others would get its calls besides their own.
    pub(crate) fn refused(
        &self,
        endpoints: &[Arc<Endpoint>],
        endpoint: &Endpoint,
        now: Moment,
        took: Duration,
    ) -> bool {
        let standing = endpoint.standing();
        let in_a_row = standing.refused(now);
        let counts = in_a_row >= REFUSALS || standing.ejection().is_ejected();
        counts
            && self
                .ejector
                .failed(endpoints, endpoint, in_a_row, begun(now, took), now)
    }

    /// Takes a retry out of the budget; false when it is used up.
    pub(crate) fn take_retry(&self) -> bool {
        self.throttle.take()
    }
}

fn begun(now: Moment, took: Duration) -> Moment {
    Moment::from_micros(now.micros().saturating_sub(Moment::after(took).micros()))
}

#[cfg(test)]
mod tests;
