use super::*;

const GRAY: (&str, &str) = ("dubbo.tag", "gray");
const FORCED: (&str, &str) = ("dubbo.force.tag", "true");

/// The attachments of a call, and the providers that it may go to.
type Case<'c> = (&'c [(&'c str, &'c str)], &'c [usize]);

fn check(rules: &Rules, providers: &[ProviderEntry], expected: &[Case<'_>]) {
    for (attachments, places) in expected {
        let found = routed(rules, &reference(), providers, "Greet", attachments);
        assert_eq!(found, *places, "{attachments:?}");
    }
}

#[test]
fn without_rules_the_tags_that_providers_register_count() {
    let providers = providers(&[&[], &[GRAY], &[("dubbo.tag", "blue")]]);
    let tagged = |tag| ("dubbo.tag", tag);
    check(
        &Rules::default(),
        &providers,
        &[
            (&[], &[1]),
            (&[tagged("")], &[1]),
            (&[GRAY], &[2]),
            (&[GRAY, FORCED], &[2]),
            (&[tagged("red")], &[1]),
            (&[tagged("red"), FORCED], &[]),
            (&[FORCED], &[1]),
        ],
    );
    let caller = reference().tagged("gray");
    let of =
        |attachments: &[_]| routed(&Rules::default(), &caller, &providers, "Greet", attachments);
    assert_eq!(of(&[]), [2], "the caller's own tag");
    assert_eq!(of(&[tagged("blue")]), [3], "the call's goes first");
}

#[test]
fn addresses_in_a_rule_set_providers_apart() {
    let text = "
force: false
runtime: true
enabled: true
key: shop
tags:
  - name: gray
    addresses: ['10.0.0.1:20000']
  - name: gone
    addresses: ['10.0.9.9']
  - name: gray|team
    addresses: ['10.0.0.2']
";
    let providers = providers(&[&[], &[], &[], &[("dubbo.tag", "static")]]);
    let tagged = |tag| ("dubbo.tag", tag);
    let rules = rules([(Kind::Tags, shop(), text)]);
    check(
        &rules,
        &providers,
        &[
            (&[], &[3]),
            (&[GRAY], &[1]),
            (&[tagged("gray|team")], &[2]),
            (&[tagged("gray|other")], &[1]),
            (&[tagged("gray|other"), FORCED], &[]),
            (&[tagged("gone")], &[3]),
            (&[tagged("gone"), FORCED], &[]),
            (&[tagged("static")], &[4]),
            (&[tagged("unknown")], &[3]),
        ],
    );
    let other = source(Kind::Tags, Scope::Provider("other".into()));
    let mut elsewhere = Rules::default();
    elsewhere.set(&other, Some(text.as_bytes())).unwrap();
    check(
        &elsewhere,
        &providers,
        &[(&[], &[1, 2, 3]), (&[GRAY], &[1, 2, 3])],
    );
}

#[test]
fn a_rule_that_forces_lets_its_tags_go_nowhere_else() {
    let text = "force: 'true'\ntags: [{name: gray, addresses: [10.0.9.9]}]";
    let providers = providers(&[&[], &[]]);
    let rules = rules([(Kind::Tags, shop(), text)]);
    check(
        &rules,
        &providers,
        &[
            (&[GRAY], &[]),
            (&[("dubbo.tag", "blue")], &[1, 2]),
            (&[], &[1, 2]),
        ],
    );
}

#[test]
fn parameters_set_providers_apart() {
    let text = "
configVersion: v3.0
tags:
  - name: gray
    match:
      - key: env
        value: {exact: gray}
      - key: zone
        value: {regex: 'a|b'}
";
    let providers = providers(&[
        &[("env", "gray"), ("zone", "a")],
        &[("env", "gray"), ("zone", "ab")],
        &[],
    ]);
    let rules = rules([(Kind::Tags, shop(), text)]);
    check(&rules, &providers, &[(&[], &[2, 3]), (&[GRAY], &[1])]);
}

#[test]
fn a_rule_that_is_switched_off_is_none() {
    let providers = providers(&[&[], &[]]);
    for text in [
        "enabled: false\ntags: [{name: gray, addresses: [10.0.0.1]}]",
        "enabled: no\ntags: [{name: gray, addresses: [10.0.0.1]}]",
        "force: true\ntags: []",
        "force: true",
    ] {
        let rules = rules([(Kind::Tags, shop(), text)]);
        check(&rules, &providers, &[(&[], &[1, 2]), (&[GRAY], &[1, 2])]);
    }
    for wrong in [
        "tags: [{addresses: [x]}]",
        "tags: {gray: x}",
        "tags: [{name: a, match: [{key: b}]}]",
    ] {
        let set = Rules::default().set(&source(Kind::Tags, shop()), Some(wrong.as_bytes()));
        assert!(set.is_err(), "{wrong}");
    }
}
