//! A consumer and its providers on a clock of their own: a thousand runs with providers that are fast, slow, failing, flapping or
//! partly failing, and bounds on what calls, providers and an outage may suffer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::throttle::RESERVE;
use super::*;

const POLICIES: [LoadBalance; 4] = [
    LoadBalance::P2c,
    LoadBalance::Random,
    LoadBalance::RoundRobin,
    LoadBalance::LeastActive,
];

/// How a provider answers.
#[derive(Clone, Copy, Debug)]
enum Conduct {
    Fast,
    /// Ten times slower than a fast one.
    Slow,
    /// UNAVAILABLE at once.
    Failing,
    /// Failing and fast in turn, each for so many microseconds.
    Flapping(u64),
    /// Of ten calls this many fail.
    Partly(u8),
}

impl Conduct {
    fn is_healthy(self) -> bool {
        matches!(self, Self::Fast | Self::Slow)
    }

    /// Returns whether a call that begins now is answered, and how long that takes.
    fn outcome(self, now: u64) -> (bool, u64) {
        let fails = match self {
            Self::Fast | Self::Slow => false,
            Self::Failing => true,
            Self::Flapping(period) => (now / period).is_multiple_of(2),
            Self::Partly(tenths) => fastrand::u8(..10) < tenths,
        };
        let takes = match self {
            _ if fails => 300,
            Self::Slow => 100_000,
            _ => 10_000,
        };
        (!fails, takes + fastrand::u64(..takes / 5))
    }
}

#[derive(Debug, Default)]
struct Report {
    calls: usize,
    failed: usize,
    retries: usize,
    /// Attempts on each provider.
    attempts: Vec<usize>,
    /// The last moment, in microseconds.
    ended: u64,
}

/// A call, with the providers that it has tried.
struct Call {
    tried: Vec<Arc<Endpoint>>,
}

/// Runs so many calls of so many callers, one after the other each, with two retries.
fn run(policy: LoadBalance, conducts: &[Conduct], callers: usize, calls: usize) -> Report {
    let endpoints: Vec<_> = (0..conducts.len())
        .map(|i| Arc::new(Endpoint::open_for_test(&format!("10.0.0.{i}:20000"), 100)))
        .collect();
    let selection = Selection::new(policy, Ejector::new(None));
    let mut report = Report {
        attempts: vec![0; conducts.len()],
        ..Report::default()
    };
    // What ends next: when, a number that orders what ends at once, who, whether it is answered, when it began.
    let mut ends = BinaryHeap::new();
    let mut on_their_way = std::collections::HashMap::new();
    let mut number = 0;
    let mut begin = |now: u64,
                     call: Call,
                     ends: &mut BinaryHeap<_>,
                     report: &mut Report,
                     on_their_way: &mut std::collections::HashMap<u64, Call>| {
        let picked = selection.pick(&endpoints, &call.tried, Moment::from_micros(now));
        let picked = picked.expect("all providers are open");
        let index = endpoints
            .iter()
            .position(|e| Arc::ptr_eq(e, picked))
            .unwrap();
        report.attempts[index] += 1;
        picked.standing().enter();
        let (answered, takes) = conducts[index].outcome(now);
        number += 1;
        ends.push(Reverse((now + takes, number, index, answered, now)));
        on_their_way.insert(number, call);
    };
    for caller in 0..callers.min(calls) {
        let call = Call { tried: Vec::new() };
        report.calls += 1;
        begin(
            1 + caller as u64,
            call,
            &mut ends,
            &mut report,
            &mut on_their_way,
        );
    }
    while let Some(Reverse((at, number, index, answered, began))) = ends.pop() {
        let mut call = on_their_way.remove(&number).unwrap();
        let (now, took) = (Moment::from_micros(at), Duration::from_micros(at - began));
        endpoints[index].standing().leave();
        report.ended = at;
        if answered {
            selection.answered(&endpoints[index], now, took);
        } else {
            selection.failed(&endpoints, &endpoints[index], now, took);
            call.tried.push(Arc::clone(&endpoints[index]));
            if call.tried.len() <= 2 && selection.take_retry() {
                report.retries += 1;
                begin(at, call, &mut ends, &mut report, &mut on_their_way);
                continue;
            }
            report.failed += 1;
        }
        if report.calls < calls {
            report.calls += 1;
            begin(
                at + 1,
                Call { tried: Vec::new() },
                &mut ends,
                &mut report,
                &mut on_their_way,
            );
        }
    }
    assert_eq!(report.calls, calls);
    report
}

/// The black hole: all of one kind fail at once, the others take 10 ms.
fn with_bad(providers: usize, bad: usize) -> Vec<Conduct> {
    (0..providers)
        .map(|i| {
            if i < bad {
                Conduct::Failing
            } else {
                Conduct::Fast
            }
        })
        .collect()
}

#[test]
fn one_bad_provider_fails_no_call_and_is_found_out_within_tens_of_calls() {
    for policy in POLICIES {
        for providers in [2, 3, 5, 10] {
            for seed in 0..10 {
                fastrand::seed(seed);
                let report = run(policy, &with_bad(providers, 1), 16, 8000);
                assert_eq!(report.failed, 0, "{policy:?} {providers}: {report:?}");
                // Five in a row, those on their way by then, and a trial after 1, 2, 4, … seconds.
                assert!(
                    report.attempts[0] <= 40,
                    "{policy:?} {providers}: {report:?}"
                );
            }
        }
    }
}

#[test]
fn a_third_of_bad_providers_fails_next_to_no_call() {
    for policy in POLICIES {
        for providers in [3, 5, 6, 9, 10] {
            let mut failed = 0;
            for seed in 0..10 {
                fastrand::seed(seed);
                let report = run(policy, &with_bad(providers, providers / 3), 16, 8000);
                failed += report.failed;
                assert!(report.retries <= 150, "{policy:?} {providers}: {report:?}");
            }
            // A call whose three attempts meet three bad ones before any is known cannot be saved.
            assert!(
                failed <= 2,
                "{policy:?}: {failed} of 80,000 with {providers} providers"
            );
        }
    }
}

#[test]
fn a_slow_provider_gets_a_fitting_share() {
    for (policy, callers) in [
        (LoadBalance::P2c, 1),
        (LoadBalance::P2c, 16),
        (LoadBalance::LeastActive, 16),
    ] {
        fastrand::seed(7);
        let conducts = [Conduct::Slow, Conduct::Fast, Conduct::Fast];
        let report = run(policy, &conducts, callers, 4000);
        assert_eq!(report.failed, 0);
        let share = report.attempts[0] as f64 / 4000.0;
        assert!(
            share < 0.12,
            "{policy:?} with {callers}: {share} of the calls"
        );
    }
}

#[test]
fn a_total_outage_is_not_multiplied() {
    for policy in POLICIES {
        fastrand::seed(1);
        let report = run(policy, &[Conduct::Failing; 5], 16, 10_000);
        assert_eq!(report.failed, 10_000);
        assert!(report.retries as i64 <= RESERVE, "{policy:?}: {report:?}");
    }
}

#[test]
fn a_provider_that_recovers_comes_back() {
    for policy in POLICIES {
        fastrand::seed(3);
        // Fails in its first 3 s and is well for the next 3 s.
        let conducts = [Conduct::Flapping(3_000_000), Conduct::Fast, Conduct::Fast];
        let report = run(policy, &conducts, 16, 9000);
        assert_eq!(report.failed, 0, "{policy:?}: {report:?}");
        assert!(report.attempts[0] > 500, "{policy:?}: {report:?}");
    }
}

/// Draws providers of every kind, of which at most a third, and not all, are bad.
fn conducts() -> Vec<Conduct> {
    let providers = fastrand::usize(2..=12);
    let bad = fastrand::usize(..=providers.div_ceil(3)).min(providers - 1);
    (0..providers)
        .map(|i| match (i < bad, fastrand::u8(..3)) {
            (true, 0) => Conduct::Failing,
            (true, 1) => Conduct::Flapping(fastrand::u64(50_000..3_000_000)),
            (true, _) => Conduct::Partly(fastrand::u8(1..10)),
            (false, 0) => Conduct::Slow,
            (false, _) => Conduct::Fast,
        })
        .collect()
}

#[test]
fn a_thousand_random_fleets_stay_within_their_bounds() {
    let (mut failed, mut calls) = (0, 0);
    for seed in 0..1000 {
        fastrand::seed(seed);
        let policy = POLICIES[fastrand::usize(..4)];
        let conducts = conducts();
        let callers = fastrand::usize(1..=32);
        let report = run(policy, &conducts, callers, 600);
        let context =
            format!("seed {seed}, {policy:?}, {callers} callers, {conducts:?}: {report:?}");
        failed += report.failed;
        calls += report.calls;
        assert!(report.failed <= 6, "1 % of the calls at most: {context}");
        assert!(report.retries <= 300, "{context}");
        let healthy: Vec<usize> = (0..conducts.len())
            .filter(|i| conducts[*i].is_healthy())
            .map(|i| report.attempts[i])
            .collect();
        let all_fast = conducts.iter().all(|c| !matches!(c, Conduct::Slow));
        if all_fast && policy != LoadBalance::Random {
            // What the bad ones do not take is shared evenly.
            let most = *healthy.iter().max().unwrap();
            let fair = 600_usize.div_ceil(healthy.len());
            assert!(most <= 2 * fair + 20, "{most} of {fair}: {context}");
        }
    }
    assert!(failed * 5000 <= calls, "{failed} of {calls} calls failed");
}

#[test]
fn an_overloaded_provider_keeps_its_calls_and_one_that_refuses_all_loses_them() {
    let endpoints: Vec<_> = (0..2)
        .map(|i| Arc::new(Endpoint::open_for_test(&format!("10.0.0.{i}:20000"), 100)))
        .collect();
    let selection = Selection::new(LoadBalance::P2c, Ejector::new(None));
    let is_ejected = |index: usize| endpoints[index].standing().ejection().is_ejected();
    let took = Duration::from_millis(1);
    // Four times the calls that can be done, for a minute.
    for call in 1..60_000 {
        let now = Moment::from_micros(call * 1_000);
        for endpoint in &endpoints {
            if call % 4 == 0 {
                selection.answered(endpoint, now, took);
            } else {
                selection.refused(&endpoints, endpoint, now, took);
            }
        }
        assert!(!is_ejected(0) && !is_ejected(1), "after {call} calls");
    }
    let mut refusals = 0;
    while !is_ejected(0) {
        refusals += 1;
        assert!(refusals <= REFUSALS, "not ejected");
        let now = Moment::from_micros(60_000_000 + u64::from(refusals));
        selection.refused(&endpoints, &endpoints[0], now, took);
    }
    assert!(refusals > 30, "{refusals}");
}

#[test]
fn a_last_attempt_waits_for_a_first_answer_that_may_come() {
    let endpoints: Vec<_> = (0..4)
        .map(|i| Arc::new(Endpoint::open_for_test(&format!("10.0.0.{i}:20000"), 100)))
        .collect();
    let selection = Selection::new(LoadBalance::P2c, Ejector::new(None));
    let (tried, now) = (&endpoints[..2], Moment::from_micros(1));
    let awaits = || selection.awaits_answer(&endpoints, tried);
    assert!(!awaits(), "no answer is on its way");
    endpoints[0].standing().enter();
    assert!(!awaits(), "the call cannot go there any more");
    endpoints[2].standing().enter();
    assert!(awaits());
    endpoints[2].standing().failed(now);
    assert!(!awaits(), "one is left that may answer");
    selection.answered(&endpoints[2], now, Duration::from_millis(1));
    assert!(!awaits(), "it has answered");

    let mut starting = endpoints[..2].to_vec();
    starting.push(Arc::new(Endpoint::open_for_test("10.0.0.8:20000", 100)));
    assert!(!selection.awaits_answer(&starting, tried));
    starting.push(Arc::new(Endpoint::closed_for_test("10.0.0.9:20000")));
    assert!(
        selection.awaits_answer(&starting, tried),
        "one is being connected"
    );
}
