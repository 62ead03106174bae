//! Chooses the provider for an attempt.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::endpoint::Endpoint;

/// How a provider is chosen among those that are fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadBalance {
    /// Two at random, of which the one with fewer calls in flight: as good as the least loaded, at constant cost, and
    /// with no herd when many consumers see the same figures. A slow provider gets fewer calls by itself.
    #[default]
    P2c,
    /// At random by weight, as Dubbo's `random`.
    Random,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest calls in flight, at random among equals.
    LeastActive,
}

/// A name that is no [`LoadBalance`].
#[derive(Debug, thiserror::Error)]
#[error("unknown load balance {0:?}, expected p2c, random, roundrobin or leastactive")]
pub struct UnknownLoadBalance(String);

impl FromStr for LoadBalance {
    type Err = UnknownLoadBalance;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "p2c" => Ok(Self::P2c),
            "random" => Ok(Self::Random),
            "roundrobin" => Ok(Self::RoundRobin),
            "leastactive" => Ok(Self::LeastActive),
            other => Err(UnknownLoadBalance(other.to_owned())),
        }
    }
}

/// A load balance with what it remembers between calls.
#[derive(Debug)]
pub(crate) struct Balancer {
    policy: LoadBalance,
    turn: AtomicUsize,
}

impl Balancer {
    pub(crate) fn new(policy: LoadBalance) -> Self {
        Self {
            policy,
            // Consumers that start together do not all begin with the same provider.
            turn: AtomicUsize::new(fastrand::usize(..1 << 16)),
        }
    }

    /// Chooses a provider that this call has not tried and that is fit; failing that, one that was not tried and is
    /// open; failing that, any that is open.
    pub(crate) fn pick(
        &self,
        endpoints: &[Arc<Endpoint>],
        tried: &[Arc<Endpoint>],
    ) -> Option<Arc<Endpoint>> {
        let untried = |endpoint: &Endpoint| !tried.iter().any(|t| std::ptr::eq(&**t, endpoint));
        self.choose(endpoints, |e| e.is_fit() && untried(e))
            .or_else(|| self.choose(endpoints, |e| e.is_open() && untried(e)))
            .or_else(|| self.choose(endpoints, Endpoint::is_open))
            .cloned()
    }

    fn choose<'e>(
        &self,
        endpoints: &'e [Arc<Endpoint>],
        eligible: impl Fn(&Endpoint) -> bool,
    ) -> Option<&'e Arc<Endpoint>> {
        if let [only] = endpoints {
            return eligible(only).then_some(only);
        }
        match self.policy {
            LoadBalance::P2c => p2c(endpoints, eligible),
            LoadBalance::Random => random(endpoints, eligible),
            LoadBalance::RoundRobin => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                in_turn(endpoints, eligible, turn)
            }
            LoadBalance::LeastActive => least_active(endpoints, eligible),
        }
    }
}

/// Draws before the slow way, which looks at all endpoints, is taken: few are unfit as a rule.
const DRAWS: usize = 4;

fn p2c(
    endpoints: &[Arc<Endpoint>],
    eligible: impl Fn(&Endpoint) -> bool,
) -> Option<&Arc<Endpoint>> {
    if endpoints.is_empty() {
        return None;
    }
    for _ in 0..DRAWS {
        let first = fastrand::usize(..endpoints.len());
        let step = fastrand::usize(1..endpoints.len());
        let (a, b) = (
            &endpoints[first],
            &endpoints[(first + step) % endpoints.len()],
        );
        if eligible(a) && eligible(b) {
            return Some(if b.in_flight() < a.in_flight() { b } else { a });
        }
    }
    least_active(endpoints, eligible)
}

fn random(
    endpoints: &[Arc<Endpoint>],
    eligible: impl Fn(&Endpoint) -> bool,
) -> Option<&Arc<Endpoint>> {
    let candidates = || endpoints.iter().filter(|e| eligible(e));
    let total: u64 = candidates().map(|e| u64::from(e.weight())).sum();
    if total == 0 {
        return in_turn(endpoints, &eligible, fastrand::usize(..));
    }
    let mut left = fastrand::u64(..total);
    candidates().find(|e| {
        let weight = u64::from(e.weight());
        let hit = left < weight;
        left = left.saturating_sub(weight);
        hit
    })
}

fn in_turn(
    endpoints: &[Arc<Endpoint>],
    eligible: impl Fn(&Endpoint) -> bool,
    turn: usize,
) -> Option<&Arc<Endpoint>> {
    let count = endpoints.iter().filter(|e| eligible(e)).count();
    let nth = turn.checked_rem(count)?;
    endpoints.iter().filter(|e| eligible(e)).nth(nth)
}

fn least_active(
    endpoints: &[Arc<Endpoint>],
    eligible: impl Fn(&Endpoint) -> bool,
) -> Option<&Arc<Endpoint>> {
    // Starting at a random place makes equals equally likely.
    let start = fastrand::usize(..endpoints.len().max(1));
    endpoints[start..]
        .iter()
        .chain(&endpoints[..start])
        .filter(|e| eligible(e))
        .min_by_key(|e| e.in_flight())
}

#[cfg(test)]
mod tests;
