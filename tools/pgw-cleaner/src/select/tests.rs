//! Judgements on groups, one condition at a time.

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;

const NOW: u64 = 1_800_000_000;

fn clock() -> GatewayClock {
    let at = Instant::now();
    GatewayClock {
        now: Duration::from_secs(NOW),
        asked: at,
        answered: at,
        since: Duration::ZERO,
    }
}

/// A group of `dubbo_server` on `host-1:42`, last pushed to so many seconds ago.
fn group(age: u64) -> Group {
    Group {
        key: GroupingKey::new("dubbo_server").with("instance", "host-1:42"),
        also: None,
        last_push: Some(Duration::from_secs(NOW - age)),
        last_failure: None,
        last_push_succeeded: Some(true),
    }
}

fn selection() -> Selection {
    Selection {
        ttl: Duration::from_secs(600),
        job_prefixes: vec!["dubbo_".parse().unwrap(), "dubbo-".parse().unwrap()],
        include: Vec::new(),
        exclude: Vec::new(),
        protect: Vec::new(),
        ttl_label: None,
    }
}

fn patterns(patterns: &[&str]) -> Vec<Regex> {
    patterns
        .iter()
        .map(|pattern| pattern.parse().unwrap())
        .collect()
}

fn verdict(selection: &Selection, group: &Group) -> Verdict {
    selection.verdict(group, &clock())
}

#[test]
fn the_ttl_has_to_be_exceeded() {
    assert_eq!(verdict(&selection(), &group(599)), Verdict::Live);
    assert_eq!(verdict(&selection(), &group(600)), Verdict::Live);
    assert_eq!(verdict(&selection(), &group(601)), Verdict::Expired);
}

#[test]
fn a_push_in_the_future_is_a_live_one() {
    let group = Group {
        last_push: Some(Duration::from_secs(NOW + 3600)),
        ..group(0)
    };
    assert_eq!(verdict(&selection(), &group), Verdict::Live);
}

#[test]
fn a_failed_push_keeps_a_group_as_a_push_does() {
    let failed = |ago| Group {
        last_failure: Some(Duration::from_secs(NOW - ago)),
        ..group(5000)
    };
    assert_eq!(verdict(&selection(), &failed(10)), Verdict::Live);
    assert_eq!(verdict(&selection(), &failed(601)), Verdict::Expired);
    let never_pushed = |ago| Group {
        last_push: None,
        ..failed(ago)
    };
    assert_eq!(verdict(&selection(), &never_pushed(10)), Verdict::Live);
    assert_eq!(verdict(&selection(), &never_pushed(601)), Verdict::Expired);
}

#[test]
fn a_failure_in_the_future_is_a_claim_and_saves_nothing() {
    let claimed = |ahead, age| Group {
        last_failure: Some(Duration::from_secs(NOW + ahead)),
        ..group(age)
    };
    assert_eq!(
        verdict(&selection(), &claimed(3600, 5000)),
        Verdict::Expired
    );
    assert_eq!(verdict(&selection(), &claimed(3600, 10)), Verdict::Live);
    assert_eq!(
        verdict(&selection(), &claimed(1, 5000)),
        Verdict::Live,
        "within the clock's second"
    );
}

#[test]
fn a_group_whose_last_push_is_not_known_is_left_alone() {
    for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e300] {
        let group = Group {
            last_push: crate::group::time(seconds),
            ..group(0)
        };
        assert_eq!(
            verdict(&selection(), &group),
            Verdict::Unreadable,
            "{seconds}"
        );
    }
}

#[test]
fn only_jobs_with_a_prefix_are_selected() {
    for (job, expected) in [
        ("dubbo_client", Verdict::Expired),
        ("dubbo-client", Verdict::Expired),
        ("dubboclient", Verdict::OtherJob),
        ("my_dubbo_client", Verdict::OtherJob),
    ] {
        let group = Group {
            key: GroupingKey::new(job),
            ..group(5000)
        };
        assert_eq!(verdict(&selection(), &group), expected, "{job}");
    }
    let every_job = Selection {
        job_prefixes: vec!["*".parse().unwrap()],
        ..selection()
    };
    let group = Group {
        key: GroupingKey::new("batch"),
        ..group(5000)
    };
    assert_eq!(verdict(&every_job, &group), Verdict::Expired);
}

#[test]
fn patterns_look_at_every_label_with_its_value() {
    let included = |include: &[&str]| Selection {
        include: patterns(include),
        ..selection()
    };
    let excluded = |exclude: &[&str]| Selection {
        exclude: patterns(exclude),
        ..selection()
    };
    assert_eq!(
        verdict(&included(&["^instance=host-[12]:"]), &group(5000)),
        Verdict::Expired
    );
    assert_eq!(
        verdict(&included(&["^zone=", "^instance=host-1"]), &group(5000)),
        Verdict::Expired
    );
    assert_eq!(
        verdict(&included(&["^instance=host$"]), &group(5000)),
        Verdict::NotIncluded
    );
    assert_eq!(
        verdict(&excluded(&["^zone=", "server$"]), &group(5000)),
        Verdict::Excluded
    );
    assert_eq!(
        verdict(&excluded(&["^zone="]), &group(5000)),
        Verdict::Expired
    );
}

#[test]
fn an_excluded_group_stays_even_if_it_is_included() {
    let both = Selection {
        include: patterns(&["host-1"]),
        exclude: patterns(&["host-1"]),
        ..selection()
    };
    assert_eq!(verdict(&both, &group(5000)), Verdict::Excluded);
}

#[test]
fn a_protected_label_has_to_be_exact() {
    let protecting = |protect: &str| Selection {
        protect: vec![protect.parse().unwrap()],
        ..selection()
    };
    assert_eq!(
        verdict(&protecting("instance=host-1:42"), &group(5000)),
        Verdict::Protected
    );
    assert_eq!(
        verdict(&protecting("instance=host-1:4"), &group(5000)),
        Verdict::Expired
    );
    assert_eq!(verdict(&protecting(""), &group(5000)), Verdict::Expired);
}

#[test]
fn a_group_may_carry_its_own_ttl() {
    let selection = Selection {
        ttl_label: Some("ttl".into()),
        ..selection()
    };
    let with_ttl = |ttl: &str, age| Group {
        key: group(age).key.with("ttl", ttl),
        ..group(age)
    };
    assert_eq!(verdict(&selection, &with_ttl("2h", 5000)), Verdict::Live);
    assert_eq!(verdict(&selection, &with_ttl("2h", 7201)), Verdict::Expired);
    assert_eq!(verdict(&selection, &with_ttl("60", 61)), Verdict::Expired);
    assert_eq!(
        verdict(&selection, &with_ttl("soon", 5000)),
        Verdict::BadTtl
    );
    assert_eq!(verdict(&selection, &with_ttl("0", 5000)), Verdict::BadTtl);
    assert_eq!(verdict(&selection, &group(5000)), Verdict::Expired);
}

proptest! {
    #[test]
    fn no_group_younger_than_its_ttl_ever_expires(
        job in ".{0,12}", value in ".{0,12}", ttl in 1u64..100_000, age in 0u64..200_000, include in "[a-z]?",
    ) {
        let selection = Selection {
            ttl: Duration::from_secs(ttl),
            job_prefixes: vec!["*".parse().unwrap()],
            include: patterns(&[&include]),
            ..selection()
        };
        let group = Group { key: GroupingKey::new(job).with("label", value), ..group(age) };
        match verdict(&selection, &group) {
            Verdict::Expired => prop_assert!(age > ttl),
            Verdict::Live => prop_assert!(age <= ttl),
            verdict => prop_assert_eq!(verdict, Verdict::NotIncluded),
        }
    }
}
