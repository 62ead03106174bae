//! How each policy spreads calls over endpoints that are open, busy or tried.

use std::time::Duration;

use super::*;

const NOW: Moment = Moment::from_micros(1_000_000);

fn endpoints(count: usize) -> Vec<Arc<Endpoint>> {
    (0..count)
        .map(|i| {
            Arc::new(Endpoint::open_for_test(
                &format!("127.0.0.1:{}", 20_000 + i),
                100,
            ))
        })
        .collect()
}

const POLICIES: [LoadBalance; 4] = [
    LoadBalance::P2c,
    LoadBalance::Random,
    LoadBalance::RoundRobin,
    LoadBalance::LeastActive,
];

fn counts(policy: LoadBalance, endpoints: &[Arc<Endpoint>], picks: usize) -> Vec<usize> {
    let balancer = Balancer::new(policy);
    let mut counts = vec![0; endpoints.len()];
    for _ in 0..picks {
        let picked = balancer.pick(endpoints, &[], NOW).unwrap();
        let index = endpoints.iter().position(|e| Arc::ptr_eq(e, picked));
        counts[index.unwrap()] += 1;
    }
    counts
}

#[test]
fn every_policy_spreads_calls_over_idle_equals() {
    for policy in POLICIES {
        for (index, count) in counts(policy, &endpoints(5), 10_000)
            .into_iter()
            .enumerate()
        {
            assert!(
                (1700..2300).contains(&count),
                "{policy:?} gave {count} of 10,000 to {index}"
            );
        }
    }
}

#[test]
fn a_call_that_failed_goes_to_a_provider_that_has_answered() {
    for policy in POLICIES {
        let balancer = Balancer::new(policy);
        let five = endpoints(5);
        for _ in 0..100 {
            assert!(
                balancer.pick(&five, &five[..1], NOW).is_some(),
                "{policy:?}"
            );
        }
        five[0].standing().succeeded(NOW, Duration::from_millis(1));
        five[3].standing().succeeded(NOW, Duration::from_millis(1));
        for _ in 0..100 {
            let picked = balancer.pick(&five, &five[..1], NOW).unwrap();
            assert!(Arc::ptr_eq(picked, &five[3]), "{policy:?}");
        }
        five[3].standing().failed(NOW);
        for _ in 0..100 {
            let picked = balancer.pick(&five, &five[..1], NOW).unwrap();
            assert!(!Arc::ptr_eq(picked, &five[3]), "{policy:?}");
        }
    }
}

#[test]
fn another_provider_is_tried_first_and_the_same_one_only_when_it_is_alone() {
    for policy in POLICIES {
        let balancer = Balancer::new(policy);
        let two = endpoints(2);
        for _ in 0..100 {
            let picked = balancer.pick(&two, &two[..1], NOW).unwrap();
            assert!(Arc::ptr_eq(picked, &two[1]), "{policy:?}");
        }
        let alone = balancer.pick(&two[..1], &two[..1], NOW).unwrap();
        assert!(Arc::ptr_eq(alone, &two[0]), "{policy:?}");
    }
}

#[test]
fn a_suspect_is_avoided_while_another_is_fit_and_used_when_none_is() {
    for policy in POLICIES {
        let all = endpoints(3);
        all[0].suspect();
        assert_eq!(counts(policy, &all, 1000)[0], 0, "{policy:?}");
        all[1].suspect();
        all[2].suspect();
        assert!(counts(policy, &all, 1000)[0] > 0, "{policy:?}");
    }
}

#[test]
fn no_provider_is_picked_when_none_is_open() {
    for policy in POLICIES {
        let balancer = Balancer::new(policy);
        assert!(balancer.pick(&[], &[], NOW).is_none(), "{policy:?}");
        let closed = [Arc::new(Endpoint::closed_for_test("127.0.0.1:20000"))];
        assert!(balancer.pick(&closed, &[], NOW).is_none(), "{policy:?}");
    }
}

#[test]
fn p2c_and_least_active_avoid_the_busy() {
    // By chance, a busy one is looked at alone once in thousands of calls.
    fastrand::seed(1);
    for policy in [LoadBalance::P2c, LoadBalance::LeastActive] {
        let two = endpoints(2);
        (0..10).for_each(|_| two[0].standing().enter());
        assert_eq!(counts(policy, &two, 100), [0, 100], "{policy:?}");
    }
}

fn weighed(weights: &[u32]) -> Vec<Arc<Endpoint>> {
    weights
        .iter()
        .enumerate()
        .map(|(i, weight)| {
            Arc::new(Endpoint::open_for_test(
                &format!("127.0.0.1:{}", i + 1),
                *weight,
            ))
        })
        .collect()
}

#[test]
fn every_policy_follows_the_weights() {
    for policy in POLICIES {
        let shares = counts(policy, &weighed(&[100, 300, 100]), 10_000);
        for (index, (count, share)) in shares.iter().zip([2000, 6000, 2000]).enumerate() {
            let off = (*count as i64 - share).abs();
            assert!(off < 400, "{policy:?} gave {count} of 10,000 to {index}");
        }
    }
}

#[test]
fn a_weight_of_0_gets_no_call_unless_all_have_it() {
    for policy in POLICIES {
        let shares = counts(policy, &weighed(&[0, 100, 100]), 1000);
        assert_eq!(shares[0], 0, "{policy:?}: {shares:?}");
        let shares = counts(policy, &weighed(&[0, 0]), 1000);
        assert!(
            shares.iter().all(|count| *count > 300),
            "{policy:?}: {shares:?}"
        );
    }
}

#[test]
fn weights_hold_under_load_too() {
    for policy in [
        LoadBalance::P2c,
        LoadBalance::Random,
        LoadBalance::RoundRobin,
    ] {
        let all = weighed(&[100, 300]);
        let balancer = Balancer::new(policy);
        let mut counts = [0, 0];
        let mut busy = std::collections::VecDeque::new();
        for _ in 0..10_000 {
            let picked = balancer.pick(&all, &[], NOW).unwrap();
            counts[usize::from(Arc::ptr_eq(picked, &all[1]))] += 1;
            picked.standing().enter();
            busy.push_back(picked);
            if busy.len() > 16 {
                busy.pop_front().unwrap().standing().leave();
            }
        }
        assert!((2200..2800).contains(&counts[0]), "{policy:?}: {counts:?}");
    }
}

#[test]
fn a_call_that_failed_goes_to_a_provider_that_did_not() {
    for policy in POLICIES {
        let all = endpoints(4);
        all[1].standing().failed(NOW);
        all[2].standing().failed(NOW);
        for _ in 0..100 {
            let picked = Balancer::new(policy).pick(&all, &all[..1], NOW).unwrap();
            assert!(Arc::ptr_eq(picked, &all[3]), "{policy:?}");
        }
    }
}

#[test]
fn p2c_prefers_the_faster_one_where_both_are_idle() {
    let two = endpoints(2);
    two[0].standing().succeeded(NOW, Duration::from_millis(100));
    two[1].standing().succeeded(NOW, Duration::from_millis(10));
    let slow = counts(LoadBalance::P2c, &two, 10_000)[0];
    assert!(
        (500..1500).contains(&slow),
        "{slow} of 10,000 calls to one that takes ten times as long"
    );
    let close = endpoints(2);
    close[0]
        .standing()
        .succeeded(NOW, Duration::from_millis(12));
    close[1]
        .standing()
        .succeeded(NOW, Duration::from_millis(10));
    assert!(
        counts(LoadBalance::P2c, &close, 100)[0] > 20,
        "as good as even"
    );
}

#[test]
fn an_unknown_policy_is_refused_with_the_choices() {
    let error = "best".parse::<LoadBalance>().unwrap_err().to_string();
    assert!(error.contains("leastactive"), "{error}");
}

#[test]
fn one_late_answer_keeps_calls_away_for_a_moment_only() {
    fastrand::seed(5);
    let four = endpoints(4);
    let quick = Duration::from_micros(300);
    for (index, endpoint) in four.iter().enumerate() {
        let first = if index == 0 { 100 * quick } else { quick };
        endpoint.standing().succeeded(NOW, first);
    }
    let balancer = Balancer::new(LoadBalance::P2c);
    let mut late = 0;
    for _ in 0..1000 {
        let picked = balancer.pick(&four, &[], NOW).unwrap();
        picked.standing().succeeded(NOW, quick);
        late += usize::from(Arc::ptr_eq(picked, &four[0]));
    }
    assert!(late > 50, "{late} of 1,000 calls, one of four");
}
