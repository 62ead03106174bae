//! Who is ejected, for how long, and how a provider comes back.

use super::*;

fn endpoints(count: usize) -> Vec<Arc<Endpoint>> {
    (0..count)
        .map(|i| Arc::new(Endpoint::open_for_test(&format!("10.0.0.{i}:20000"), 100)))
        .collect()
}

fn at(millis: u64) -> Moment {
    Moment::after(Duration::from_millis(millis))
}

/// Fails one attempt that takes no time.
fn fail(ejector: &Ejector, endpoints: &[Arc<Endpoint>], index: usize, now: Moment) {
    let standing = endpoints[index].standing();
    standing.enter();
    standing.leave();
    let in_a_row = standing.failed(now);
    ejector.failed(endpoints, &endpoints[index], in_a_row, now, now);
}

fn answer(ejector: &Ejector, endpoints: &[Arc<Endpoint>], index: usize, now: Moment) {
    let standing = endpoints[index].standing();
    standing.enter();
    standing.leave();
    standing.succeeded(now, Duration::from_millis(1));
    ejector.succeeded(&endpoints[index], now, now);
}

fn ejected(endpoints: &[Arc<Endpoint>]) -> Vec<bool> {
    endpoints
        .iter()
        .map(|e| e.standing().ejection().is_ejected())
        .collect()
}

#[test]
fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let (ejector, all) = (Ejector::default(), endpoints(3));
    for _ in 0..3 {
        for _ in 0..CONSECUTIVE - 1 {
            fail(&ejector, &all, 0, at(1));
        }
        answer(&ejector, &all, 0, at(1));
    }
    assert_eq!(ejected(&all), [false; 3]);
    for _ in 0..CONSECUTIVE {
        fail(&ejector, &all, 0, at(2));
    }
    assert_eq!(ejected(&all), [true, false, false]);
}

#[test]
fn never_more_than_half_are_ejected() {
    for (count, most) in [(1, 0), (2, 1), (3, 1), (5, 2), (10, 5)] {
        let (ejector, all) = (Ejector::default(), endpoints(count));
        for round in 0..20 {
            for index in 0..count {
                fail(&ejector, &all, index, at(round));
            }
        }
        let out = ejected(&all).into_iter().filter(|out| *out).count();
        assert_eq!(out, most, "of {count}");
    }
}

#[test]
fn pauses_grow_with_each_failed_trial_and_a_success_brings_the_provider_back() {
    let (ejector, all) = (Ejector::default(), endpoints(2));
    for _ in 0..CONSECUTIVE {
        fail(&ejector, &all, 0, at(1));
    }
    let mut now = 1;
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        let due = now + seconds * 1000;
        assert!(ejector.trial(&all, at(due - 1)).is_none(), "{seconds} s");
        let tried = ejector.trial(&all, at(due)).expect("a trial is due");
        assert!(Arc::ptr_eq(tried, &all[0]));
        assert!(
            ejector.trial(&all, at(due)).is_none(),
            "one trial at a time"
        );
        fail(&ejector, &all, 0, at(due));
        now = due;
    }
    ejector
        .trial(&all, at(now + 60_000))
        .expect("a trial is due");
    answer(&ejector, &all, 0, at(now + 60_001));
    assert_eq!(ejected(&all), [false, false]);
    assert!(ejector.trial(&all, at(now + 200_000)).is_none());
}

#[test]
fn what_began_before_the_ejection_says_nothing() {
    let (ejector, all) = (Ejector::default(), endpoints(2));
    for _ in 0..CONSECUTIVE {
        fail(&ejector, &all, 0, at(10));
    }
    ejector.succeeded(&all[0], at(5), at(20));
    assert_eq!(ejected(&all), [true, false], "it was on its way already");
    for _ in 0..100 {
        fail(&ejector, &all, 0, at(5));
    }
    assert!(
        ejector.trial(&all, at(1010)).is_some(),
        "the pause is as long as it was"
    );
}

#[test]
fn a_trial_that_tells_nothing_is_followed_by_another() {
    let (ejector, all) = (Ejector::default(), endpoints(2));
    for _ in 0..CONSECUTIVE {
        fail(&ejector, &all, 0, at(1));
    }
    assert!(ejector.trial(&all, at(1001)).is_some());
    let later = at(1001) + TRIAL;
    assert!(ejector.trial(&all, later).is_some());
}

#[test]
fn a_share_of_failures_that_stands_out_ejects_without_a_row() {
    let (ejector, all) = (Ejector::default(), endpoints(6));
    for round in 0..400 {
        if ejected(&all)[0] {
            break;
        }
        let now = at(round * 40);
        for index in 0..6 {
            // The first one fails every fifth call: never in a row, and far from the others' mean.
            if index == 0 && round % 5 == 0 {
                fail(&ejector, &all, index, now);
            } else {
                answer(&ejector, &all, index, now);
            }
        }
    }
    assert_eq!(ejected(&all), [true, false, false, false, false, false]);
}

#[test]
fn a_share_that_all_have_ejects_none() {
    let (ejector, all) = (Ejector::default(), endpoints(6));
    for round in 0..800 {
        for index in 0..6 {
            if round % 5 == 0 {
                fail(&ejector, &all, index, at(round * 40));
            } else {
                answer(&ejector, &all, index, at(round * 40));
            }
        }
    }
    assert_eq!(ejected(&all), [false; 6]);
}

#[test]
fn more_than_half_of_many_calls_eject_even_one_of_two() {
    let (ejector, all) = (Ejector::default(), endpoints(2));
    for round in 0..400 {
        if ejected(&all)[0] {
            break;
        }
        if round % 3 == 0 {
            answer(&ejector, &all, 0, at(round * 40));
        } else {
            fail(&ejector, &all, 0, at(round * 40));
        }
        answer(&ejector, &all, 1, at(round * 40));
    }
    assert_eq!(ejected(&all), [true, false]);
}

#[test]
fn an_ejected_provider_of_weight_0_is_tried_only_while_no_other_can_be_called() {
    let (ejector, mut all) = (Ejector::default(), endpoints(3));
    all.push(Arc::new(Endpoint::open_for_test("10.0.0.9:20000", 0)));
    for _ in 0..CONSECUTIVE {
        fail(&ejector, &all, 3, at(1));
    }
    assert_eq!(ejected(&all), [false, false, false, true]);
    for seconds in 1..100 {
        assert!(ejector.trial(&all, at(seconds * 1000)).is_none());
    }
    let rest = [Arc::clone(&all[3])];
    let tried = ejector.trial(&rest, at(101_000)).expect("a trial is due");
    assert!(Arc::ptr_eq(tried, &all[3]));
}

#[test]
fn a_provider_of_weight_0_keeps_no_other_one_from_its_trial() {
    let ejector = Ejector::default();
    let mut all = vec![Arc::new(Endpoint::open_for_test("10.0.0.9:20000", 0))];
    all.extend(endpoints(3));
    for index in [0, 1] {
        for _ in 0..CONSECUTIVE {
            fail(&ejector, &all, index, at(1));
        }
    }
    assert_eq!(ejected(&all), [true, true, false, false]);
    let tried = ejector.trial(&all, at(2000)).expect("a trial is due");
    assert!(Arc::ptr_eq(tried, &all[1]));
}
