//! Overrides as URLs.

use std::time::Duration;

use super::*;

/// Returns what the two providers 10.0.0.1 (with `env=gray`) and 10.0.0.2 get by these URLs.
fn set(urls: &[&str]) -> [Settings; 2] {
    let mut rules = Rules::default();
    let names: Vec<_> = urls.iter().map(|url| (*url).to_owned()).collect();
    assert_eq!(rules.set_urls(&names), [], "{urls:?}");
    settings(&rules)
}

fn settings(rules: &Rules) -> [Settings; 2] {
    let providers = providers(&[&[("env", "gray")], &[]]);
    [0, 1].map(|place: usize| rules.settings(&reference(), &providers[place]))
}

fn weights(urls: &[&str]) -> [Option<u32>; 2] {
    set(urls).map(|settings| settings.weight)
}

#[test]
fn a_url_is_for_the_providers_and_consumers_that_it_names() {
    let (both, none, first) = ([Some(7); 2], [None; 2], [Some(7), None]);
    for (place, params, expected) in [
        ("0.0.0.0/greet.GreetService", "", both),
        ("0.0.0.0:0/greet.GreetService", "", both),
        // Dubbo Admin's, of a provider and of a consumer.
        (
            "10.0.0.1:20000/greet.GreetService",
            "category=configurators&dynamic=false&enabled=true",
            first,
        ),
        ("10.0.1.1/greet.GreetService", "", both),
        ("10.0.1.2/greet.GreetService", "", none),
        ("10.0.0.1/greet.GreetService", "", none),
        ("10.0.0.1:1/greet.GreetService", "", none),
        ("0.0.0.0:20000/greet.GreetService", "", both),
        ("0.0.0.0/", "interface=greet.GreetService", both),
        ("0.0.0.0/a.B", "", none),
        ("0.0.0.0/*", "", both),
        ("0.0.0.0/greet.GreetService", "group=blue", none),
        ("0.0.0.0/greet.GreetService", "version=1.0.0", none),
        ("0.0.0.0/greet.GreetService", "version=0.0.0", both),
        ("0.0.0.0/greet.GreetService", "application=desk", both),
        ("0.0.0.0/greet.GreetService", "application=*", both),
        ("0.0.0.0/greet.GreetService", "application=shop", none),
        ("0.0.0.0/greet.GreetService", "enabled=false", none),
        ("0.0.0.0/greet.GreetService", "side=consumer", both),
        ("0.0.0.0/greet.GreetService", "side=provider", none),
        ("0.0.0.0/greet.GreetService", "~env=gray", first),
        ("0.0.0.0/greet.GreetService", "compatible_config=true", none),
        (
            "0.0.0.0/greet.GreetService",
            "configVersion=v2.7&side=consumer&providerAddresses=10.0.0.1:20000",
            first,
        ),
        (
            "10.0.1.2/greet.GreetService",
            "configVersion=v2.7&side=consumer",
            none,
        ),
    ] {
        let url = format!("override://{place}?weight=7&{params}");
        assert_eq!(weights(&[&url]), expected, "{url}");
    }
}

#[test]
fn it_sets_what_a_rule_can_set() {
    let [first, _] = set(&[
        "override://0.0.0.0/greet.GreetService?disabled=true&timeout=250&retries=0&Greet.timeout=20&loadbalance=random",
    ]);
    assert_eq!(first.disabled, Some(true));
    assert_eq!(first.timeout, Some(Duration::from_millis(250)));
    assert_eq!(first.retries, Some(0));
    let greet = first.methods["Greet"].timeout;
    assert_eq!(greet, Some(Duration::from_millis(20)));
}

#[test]
fn one_for_a_host_wins_and_then_the_one_of_the_highest_priority() {
    let any = "override://0.0.0.0/greet.GreetService?weight=1";
    let urgent = "override://0.0.0.0/greet.GreetService?weight=2&priority=5";
    let host = "override://10.0.0.1:20000/greet.GreetService?weight=3";
    for order in [[any, urgent, host], [host, urgent, any]] {
        assert_eq!(weights(&order), [Some(3), Some(2)], "{order:?}");
    }
}

#[test]
fn a_rule_of_the_configuration_wins_over_urls() {
    let rule = "key: greet.GreetService\nconfigs: [{side: consumer, parameters: {weight: 9}}]";
    let mut rules = rules([(Kind::Overrides, Scope::Service, rule)]);
    let url = "override://0.0.0.0/greet.GreetService?weight=1&timeout=5".to_owned();
    assert_eq!(rules.set_urls(&[url]), []);
    let [first, _] = settings(&rules);
    assert_eq!(
        (first.weight, first.timeout),
        (Some(9), Some(Duration::from_millis(5)))
    );
}

#[test]
fn malformed_ones_are_skipped_one_by_one() {
    let wrong = [
        "",
        "weight=1",
        "absent://0.0.0.0/greet.GreetService?weight=1",
        "override://",
        "override:///greet.GreetService?weight=1",
        "override://0.0.0.0:x/greet.GreetService?weight=1",
        "override://0.0.0.0/?weight=1",
        "override://0.0.0.0/greet.GreetService?weight=many",
        "override://0.0.0.0/greet.GreetService?timeout=0",
    ];
    let good = "override://0.0.0.0/greet.GreetService?weight=7";
    let mut urls = wrong.map(str::to_owned).to_vec();
    urls.insert(3, good.to_owned());
    // That is how one is taken back.
    urls.push("override://0.0.0.0/greet.GreetService?category=configurators&dynamic=false".into());
    let mut rules = Rules::default();
    let found = rules.set_urls(&urls);
    let skipped: Vec<_> = found.iter().map(|(at, _)| urls[*at].as_str()).collect();
    assert_eq!(skipped, wrong);
    assert_eq!(settings(&rules).map(|s| s.weight), [Some(7); 2]);
    assert_eq!(rules.set_urls(&[]), [], "the next list takes its place");
    assert_eq!(settings(&rules).map(|s| s.weight), [None; 2]);
}
