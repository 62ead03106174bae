//! Rules that are made to cost a consumer time or memory are refused, and the log gets one short line.

use super::*;

/// Repeats `item` up to some length below the largest rule that is read.
fn long(head: &str, item: &str, tail: &str) -> String {
    let times = (250 * 1024 - head.len() - tail.len()) / item.len();
    format!("{head}{}{tail}", item.repeat(times))
}

fn refused(kind: Kind, text: &str) -> String {
    let set = Rules::default().set(&source(kind, shop()), Some(text.as_bytes()));
    let reason = set.expect_err(&text[..60]).to_string();
    assert!(reason.len() < 2_000, "{}", reason.len());
    reason
}

#[test]
fn aliases_do_not_make_a_rule_larger_than_it_may_be() {
    let text = format!("key: shop\na: &a {}\ntags: [", "x".repeat(60_000));
    let texts = refused(Kind::Tags, &long(&text, "*a,", "]"));
    assert!(texts.contains("aliases"), "{texts}");
    let list = format!("key: shop\na: &a [{}]\ntags: [", "1,".repeat(3_000));
    let lists = refused(Kind::Tags, &long(&list, "*a,", "]"));
    assert!(lists.contains("values"), "{lists}");
    let keys = format!("key: shop\n? &a {}\n: 1\ntags: [", "x".repeat(900));
    let keys = refused(Kind::Tags, &long(&keys, "{*a : 1},", "]"));
    assert!(
        keys.contains("values") || keys.contains("aliases"),
        "{keys}"
    );
    let mut doubled = String::from("key: shop\na0: &a0 x\n");
    for level in 1..60 {
        let inner = level - 1;
        doubled += &format!("a{level}: &a{level} [*a{inner}, *a{inner}]\n");
    }
    refused(Kind::Tags, &doubled);
}

#[test]
fn an_alias_in_a_rule_stands_for_what_it_names() {
    let text = "key: shop\nhosts: &a [10.0.0.1]\ntags:\n  - {name: gray, addresses: *a}\n";
    let rules = rules([(Kind::Tags, shop(), text)]);
    let providers = providers(&[&[], &[]]);
    let call = |tag| {
        routed(
            &rules,
            &reference(),
            &providers,
            "greet",
            &[("dubbo.tag", tag)],
        )
    };
    assert_eq!(call("gray"), [1]);
}

#[test]
fn a_regular_expression_that_takes_much_memory_is_refused() {
    for regex in [
        r"\w{200}",
        "((a{100}){100}){10}",
        r"(?i)\p{L}{100}",
        "(((((.{9}){9}){9}){9}){9})",
    ] {
        let rule = format!(
            "key: shop\ntags: [{{name: a, match: [{{key: zone, value: {{regex: '{regex}'}}}}]}}]"
        );
        let reason = refused(Kind::Tags, &rule);
        assert!(reason.contains("size limit"), "{reason}");
    }
    for regex in [
        r"\w+",
        r"(?i)east|west|\p{Greek}+",
        r"10\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
        ".*",
    ] {
        let rule = format!(
            "key: shop\ntags: [{{name: a, match: [{{key: zone, value: {{regex: '{regex}'}}}}]}}]"
        );
        rules([(Kind::Tags, shop(), &rule)]);
    }
}

#[test]
fn a_rule_of_very_many_parts_is_refused() {
    let regexes = "{key: a, value: {regex: a}},".repeat(101);
    let regexes = format!("key: shop\ntags: [{{name: a, match: [{regexes}]}}]");
    let reason = refused(Kind::Tags, &regexes);
    assert!(reason.contains("regular expressions"), "{reason}");
    let tags = "key: shop\ntags: [";
    let addresses = "key: shop\ntags: [{name: a, addresses: [";
    let configs = "key: shop\nconfigs: [";
    let parameters = (0..20_000).map(|n| format!("m{n}.timeout: 1,"));
    let parameters = parameters.collect::<String>();
    let parameters = format!(
        "{configs}{{side: consumer, parameters: {{{}}}}}]",
        &parameters[..200_000]
    );
    for (kind, text) in [
        (
            Kind::Tags,
            long(tags, "{name: a, addresses: [1.1.1.1]},", "]"),
        ),
        (Kind::Tags, long(addresses, "1-9.1-9.1-9.1-9,", "]}]")),
        (
            Kind::Conditions,
            long("key: shop\nconditions: [", "'method=a => host=1',", "]"),
        ),
        (
            Kind::Conditions,
            long("key: shop\nconditions: ['=> host=a", ",a", "']"),
        ),
        (
            Kind::Conditions,
            long("key: shop\nconditions: ['=> host=a", "&host=a", "']"),
        ),
        (
            Kind::Overrides,
            long(configs, "{side: consumer, parameters: {weight: 1}},", "]"),
        ),
        (Kind::Overrides, parameters),
    ] {
        let reason = refused(kind, &text);
        assert!(reason.contains("values"), "{reason}");
    }
    let many = "10.0.0.1,".repeat(4_000);
    rules([(Kind::Tags, shop(), &format!("{addresses}{many}]}}]"))]);
}

#[test]
fn of_very_many_urls_the_first_are_applied() {
    let url = "override://0.0.0.0/greet.GreetService?category=configurators&side=consumer&weight=7";
    let urls = vec![url.to_owned(); 20_000];
    let mut rules = Rules::default();
    let malformed = rules.set_urls(&urls);
    assert_eq!(malformed.len(), 1, "one line says so");
    let (first, reason) = &malformed[0];
    assert!(*first >= 2_000, "{first}");
    assert!(reason.to_string().contains("values"), "{reason}");
    let settings = rules.settings(&reference(), &providers(&[&[]])[0]);
    assert_eq!(settings.weight, Some(7));
}

#[test]
fn nesting_as_deep_as_the_rule_is_long_is_refused() {
    for item in ["[", "{a: ", "? ", "-\t", "- ", "a: "] {
        refused(Kind::Tags, &long("", item, ""));
    }
}
