//! How each policy spreads calls over endpoints that are open, busy or tried.

use super::*;

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
        let picked = balancer.pick(endpoints, &[]).unwrap();
        let index = endpoints.iter().position(|e| Arc::ptr_eq(e, &picked));
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
fn another_provider_is_tried_first_and_the_same_one_only_when_it_is_alone() {
    for policy in POLICIES {
        let balancer = Balancer::new(policy);
        let two = endpoints(2);
        for _ in 0..100 {
            let picked = balancer.pick(&two, &two[..1]).unwrap();
            assert!(Arc::ptr_eq(&picked, &two[1]), "{policy:?}");
        }
        let alone = balancer.pick(&two[..1], &two[..1]).unwrap();
        assert!(Arc::ptr_eq(&alone, &two[0]), "{policy:?}");
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
fn nobody_is_picked_when_nobody_is_open() {
    for policy in POLICIES {
        let balancer = Balancer::new(policy);
        assert!(balancer.pick(&[], &[]).is_none(), "{policy:?}");
        let closed = [Arc::new(Endpoint::closed_for_test("127.0.0.1:20000"))];
        assert!(balancer.pick(&closed, &[]).is_none(), "{policy:?}");
    }
}

#[test]
fn p2c_and_least_active_avoid_the_busy() {
    for policy in [LoadBalance::P2c, LoadBalance::LeastActive] {
        let two = endpoints(2);
        let _busy: Vec<_> = (0..10).map(|_| two[0].enter()).collect();
        assert_eq!(counts(policy, &two, 100), [0, 100], "{policy:?}");
    }
}

#[test]
fn random_follows_the_weights() {
    let all: Vec<_> = [(1, 100), (2, 300)]
        .map(|(port, weight)| {
            Arc::new(Endpoint::open_for_test(
                &format!("127.0.0.1:{port}"),
                weight,
            ))
        })
        .into();
    let light = counts(LoadBalance::Random, &all, 10_000)[0];
    assert!(
        (2200..2800).contains(&light),
        "{light} of 10,000 for a quarter of the weight"
    );
}

#[test]
fn an_unknown_policy_is_refused_with_the_choices() {
    let error = "best".parse::<LoadBalance>().unwrap_err().to_string();
    assert!(error.contains("leastactive"), "{error}");
}
