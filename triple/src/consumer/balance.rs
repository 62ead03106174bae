//! Chooses the provider for an attempt.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use super::clock::Moment;
use super::endpoint::Endpoint;

/// How a provider is chosen among those that are fit. Every policy honours weights: a provider of weight 0 is called only where
/// no other can be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadBalance {
    /// Two at random by weight, of which the one with the lower load: as good as the least loaded, at constant cost, and
    /// with no herd when many consumers see the same figures. The load is the calls in flight and the failures of the last seconds,
    /// times the response time where that of one is at least twice the other's: then the odds follow, and the slower one is still called.
    #[default]
    P2c,
    /// At random by weight, as Dubbo's `random`.
    Random,
    /// One after the other, each as often as its weight says.
    RoundRobin,
    /// The one with the fewest calls in flight and recent failures, at random by weight among equals, as Dubbo's `leastactive`.
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
    /// The largest weight seen so far: what a draw by weight is measured against.
    heaviest: AtomicU32,
}

impl Balancer {
    pub(crate) fn new(policy: LoadBalance) -> Self {
        Self {
            policy,
            // Consumers that start together do not all begin with the same provider.
            turn: AtomicUsize::new(fastrand::usize(..1 << 16)),
            heaviest: AtomicU32::new(0),
        }
    }

    /// Chooses a provider that this call has not tried and that nothing speaks against; failing that, one that is ejected or unfit
    /// but open; failing that, any that is open. A call that failed once goes to one that has answered and not failed since; failing
    /// that, to one whose last attempt did not fail.
    pub(crate) fn pick<'e>(
        &self,
        endpoints: &'e [Arc<Endpoint>],
        tried: &[Arc<Endpoint>],
        now: Moment,
    ) -> Option<&'e Arc<Endpoint>> {
        // One turn for each pick, however many times it looks.
        let turn = match self.policy {
            LoadBalance::RoundRobin => self.turn.fetch_add(1, Relaxed),
            _ => 0,
        };
        let untried = |e: &Endpoint| !e.is_among(tried);
        let good = |e: &Endpoint| e.is_fit() && !e.standing().ejection().is_ejected() && untried(e);
        let again = if tried.is_empty() {
            None
        } else {
            let is_proven = |e: &Endpoint| {
                let standing = e.standing();
                good(e) && standing.has_weight() && standing.is_proven()
            };
            let fails = |e: &Endpoint| e.standing().is_failing();
            self.choose(endpoints, now, turn, is_proven)
                .or_else(|| self.choose(endpoints, now, turn, |e| good(e) && !fails(e)))
        };
        again
            .or_else(|| self.choose(endpoints, now, turn, good))
            .or_else(|| self.choose(endpoints, now, turn, |e| e.is_fit() && untried(e)))
            .or_else(|| self.choose(endpoints, now, turn, |e| e.is_open() && untried(e)))
            .or_else(|| self.choose(endpoints, now, turn, Endpoint::is_open))
    }

    fn choose<'e>(
        &self,
        endpoints: &'e [Arc<Endpoint>],
        now: Moment,
        turn: usize,
        eligible: impl Fn(&Endpoint) -> bool,
    ) -> Option<&'e Arc<Endpoint>> {
        if let [only] = endpoints {
            return eligible(only).then_some(only);
        }
        let candidates = Candidates {
            endpoints,
            now,
            eligible,
        };
        match self.policy {
            LoadBalance::P2c => self.p2c(&candidates),
            LoadBalance::Random => candidates.at_random(),
            LoadBalance::RoundRobin => candidates.in_turn(turn),
            LoadBalance::LeastActive => candidates.least_active(),
        }
    }

    fn p2c<'e, E: Fn(&Endpoint) -> bool>(
        &self,
        candidates: &Candidates<'e, E>,
    ) -> Option<&'e Arc<Endpoint>> {
        let first = self
            .draw(candidates, None)
            .or_else(|| candidates.at_random())?;
        let Some(second) = self.draw(candidates, Some(first)) else {
            return Some(first);
        };
        Some(if candidates.is_lighter(second, first) {
            second
        } else {
            first
        })
    }

    /// Draws a candidate with a chance that follows its weight; none when a few draws find none, as few are unfit as a rule.
    fn draw<'e, E: Fn(&Endpoint) -> bool>(
        &self,
        candidates: &Candidates<'e, E>,
        other_than: Option<&Arc<Endpoint>>,
    ) -> Option<&'e Arc<Endpoint>> {
        if candidates.endpoints.is_empty() {
            return None;
        }
        (0..DRAWS).find_map(|_| {
            let drawn = &candidates.endpoints[fastrand::usize(..candidates.endpoints.len())];
            let weight = drawn.standing().weight(candidates.now);
            let heaviest = self.heaviest.load(Relaxed);
            if weight > heaviest {
                self.heaviest.store(weight, Relaxed);
            }
            let hit = weight > 0
                && (weight >= heaviest || fastrand::u32(..heaviest) < weight)
                && (candidates.eligible)(drawn)
                && other_than.is_none_or(|other| !Arc::ptr_eq(other, drawn));
            hit.then_some(drawn)
        })
    }
}

/// Draws before the slow way, which looks at all endpoints, is taken. Of two endpoints each draw finds the other with a chance of a half.
const DRAWS: usize = 12;

/// The endpoints that a policy may choose from.
struct Candidates<'e, E> {
    endpoints: &'e [Arc<Endpoint>],
    now: Moment,
    eligible: E,
}

impl<'e, E: Fn(&Endpoint) -> bool> Candidates<'e, E> {
    /// Returns the candidates with their weights.
    fn weighed(&self) -> impl Iterator<Item = (&'e Arc<Endpoint>, u64)> {
        self.endpoints
            .iter()
            .filter(|e| (self.eligible)(e))
            .map(|e| (e, u64::from(e.standing().weight(self.now))))
    }

    /// Returns the candidate at this point of the way along all weights; where all are 0, each counts the same.
    fn at(&self, point: impl Fn(u64) -> u64) -> Option<&'e Arc<Endpoint>> {
        let (mut total, mut count) = (0, 0);
        for (_, weight) in self.weighed() {
            total += weight;
            count += 1;
        }
        let even = total == 0;
        let mut left = point(if even { count } else { total });
        self.weighed().find_map(|(endpoint, weight)| {
            let weight = if even { 1 } else { weight };
            let hit = left < weight;
            left = left.saturating_sub(weight);
            hit.then_some(endpoint)
        })
    }

    fn at_random(&self) -> Option<&'e Arc<Endpoint>> {
        self.at(|length| {
            if length == 0 {
                0
            } else {
                fastrand::u64(..length)
            }
        })
    }

    /// Takes turns: in order where all weights are the same, else by steps of the golden ratio, which spread the turns of each evenly.
    fn in_turn(&self, turn: usize) -> Option<&'e Arc<Endpoint>> {
        let mut weights = self.weighed().map(|(_, weight)| weight);
        let first = weights.next()?;
        let (mut count, mut same) = (1, true);
        for weight in weights {
            count += 1;
            same &= weight == first;
        }
        if same {
            return self
                .weighed()
                .nth(turn % count)
                .map(|(endpoint, _)| endpoint);
        }
        let step = (turn as u64).wrapping_mul(GOLDEN_RATIO);
        self.at(|length| ((u128::from(step) * u128::from(length)) >> 64) as u64)
    }

    fn least_active(&self) -> Option<&'e Arc<Endpoint>> {
        let mut best = None;
        let (mut least, mut total) = ((true, u64::MAX), 0);
        for (endpoint, weight) in self.weighed() {
            // A weight of 0 gives way to any other.
            let rank = (weight == 0, endpoint.standing().load(self.now));
            if rank > least {
                continue;
            }
            if rank < least {
                (least, total) = (rank, 0);
            }
            // Among equals the chance of each follows its weight.
            let weight = weight.max(1);
            total += weight;
            if fastrand::u64(..total) < weight {
                best = Some(endpoint);
            }
        }
        best
    }

    /// Returns whether the load of `a`, as its weight allows, is clearly lower than that of `b`.
    fn is_lighter(&self, a: &Endpoint, b: &Endpoint) -> bool {
        let (a, b) = (a.standing(), b.standing());
        let (weight_a, weight_b) = (u64::from(a.weight(self.now)), u64::from(b.weight(self.now)));
        let (load_a, load_b) = (a.load(self.now), b.load(self.now));
        let (time_a, time_b) = (a.latency(self.now), b.latency(self.now));
        let known = time_a > 0 && time_b > 0;
        let (time_a, time_b) = (
            u64::from(time_a) + NOISE_MICROS,
            u64::from(time_b) + NOISE_MICROS,
        );
        if known && time_a.max(time_b) >= 2 * time_a.min(time_b) {
            let cost = |load: u64, time: u64, weight: u64| {
                ((load + 1) as f64) * (time as f64) * (weight as f64)
            };
            let (cost_a, cost_b) = (
                cost(load_a, time_a, weight_b),
                cost(load_b, time_b, weight_a),
            );
            // By odds, so that the slower one goes on showing how slow it is: one answer late for once must not keep calls away.
            return fastrand::f64() * (cost_a + cost_b) < cost_b;
        }
        // Less than one call of the heavier one apart is as good as even: then the draw decides, which followed the weights.
        load_a * weight_b + weight_a.max(weight_b) <= load_b * weight_a
    }
}

/// What is added to each response time before two are compared: differences below it come from threads that waited for a processor.
const NOISE_MICROS: u64 = 1000;

/// 2^64 divided by the golden ratio.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests;
