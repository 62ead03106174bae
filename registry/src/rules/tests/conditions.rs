use super::*;

/// Routes a call of `Greet` by a service's rule with these lines.
fn by(lines: &[&str], force: bool, method: &str, attachments: &[(&str, &str)]) -> Vec<usize> {
    let params: [&[(&str, &str)]; 3] = [
        &[("region", "hangzhou"), ("level", "3")],
        &[("region", "beijing"), ("level", "30")],
        &[],
    ];
    let lines: String = lines.iter().map(|line| format!("  - {line:?}\n")).collect();
    let text = format!("force: {force}\nconfigVersion: v3.0\nconditions:\n{lines}");
    let rules = rules([(Kind::Conditions, Scope::Service, &text)]);
    routed(
        &rules,
        &reference(),
        &providers(&params),
        method,
        attachments,
    )
}

#[test]
fn conditions_choose_providers() {
    for (line, expected) in [
        ("=> host = 10.0.0.2", &[2][..]),
        ("=> host != 10.0.0.2", &[1, 3]),
        ("=> host = 10.0.0.1,10.0.0.3", &[1, 3]),
        ("=> provider.host = 10.0.0.* & host != 10.0.0.1", &[2, 3]),
        ("=> region = hangzhou", &[1]),
        // What a provider does not have matches nothing.
        ("=> region != hangzhou", &[2]),
        ("=> level = 1~10", &[1]),
        ("=> level = ~10,20~", &[1, 2]),
        ("true => host=10.0.0.3", &[3]),
        ("host=10.0.0.3", &[3]),
        ("application=desk => host=10.0.0.1", &[1]),
        ("application != desk => host=10.0.0.1", &[1, 2, 3]),
        ("consumer.host = 10.0.1.* => host=10.0.0.1", &[1]),
        ("host = 10.0.2.* => host=10.0.0.1", &[1, 2, 3]),
        ("unknown != x => host=10.0.0.1", &[1, 2, 3]),
        ("=> application=$interface,shop", &[1, 2, 3]),
        ("=> interface = $interface & port=20000", &[1, 2, 3]),
        ("application=desk =>", &[]),
        ("application=desk => false", &[]),
        ("application=other =>", &[1, 2, 3]),
    ] {
        assert_eq!(by(&[line], false, "Greet", &[]), expected, "{line}");
    }
}

#[test]
fn methods_and_attachments_are_those_of_the_call() {
    let line = "method = Greet*,Ask => host = 10.0.0.1";
    for (method, expected) in [("Greet", &[1][..]), ("GreetAll", &[1]), ("Bye", &[1, 2, 3])] {
        assert_eq!(by(&[line], false, method, &[]), expected, "{method}");
    }
    let line = "attachments[User] = admin => host = 10.0.0.1";
    assert_eq!(by(&[line], false, "Greet", &[("user", "admin")]), [1]);
    assert_eq!(by(&[line], false, "Greet", &[("user", "guest")]), [1, 2, 3]);
    assert_eq!(by(&[line], false, "Greet", &[]), [1, 2, 3]);
}

#[test]
fn lines_narrow_one_after_another() {
    let lines = ["=> host != 10.0.0.1", "method=Greet => host != 10.0.0.2"];
    assert_eq!(by(&lines, false, "Greet", &[]), [3]);
    assert_eq!(by(&lines, false, "Bye", &[]), [2, 3]);
    let over = ["=> host=10.0.0.1", "=> host=10.0.0.2"];
    assert_eq!(
        by(&over, false, "Greet", &[]),
        [1],
        "a line that leaves none has no effect"
    );
    assert!(
        by(&over, true, "Greet", &[]).is_empty(),
        "unless it is forced"
    );
}

#[test]
fn the_rules_of_service_provider_and_consumer_add_up() {
    let three = providers(&[&[], &[], &[]]);
    let line = |host: &str| format!("conditions: ['=> host != 10.0.0.{host}']");
    let rules = rules([
        (Kind::Conditions, Scope::Service, &line("1")),
        (Kind::Conditions, Scope::Consumer, &line("2")),
    ]);
    assert_eq!(routed(&rules, &reference(), &three, "Greet", &[]), [3]);
    let of_shop = |force: &str| format!("force: {force}\nconditions: ['=> host = 10.9.9.9']");
    let of_shop = |force| super::rules([(Kind::Conditions, shop(), &*of_shop(force))]);
    let mut mixed = three.clone();
    mixed[2].application = "other".into();
    let by = |rules: &Rules| routed(rules, &reference(), &mixed, "Greet", &[]);
    assert_eq!(
        by(&of_shop("true")),
        [3],
        "a rule of one application leaves others alone"
    );
    assert_eq!(by(&of_shop("false")), [1, 2, 3]);
}

#[test]
fn tags_come_before_conditions() {
    let three = providers(&[&[("dubbo.tag", "gray")], &[], &[]]);
    let text = "conditions: ['=> host=10.0.0.1']";
    let rules = rules([(Kind::Conditions, Scope::Service, text)]);
    assert_eq!(routed(&rules, &reference(), &three, "Greet", &[]), [2, 3]);
    let gray = [("dubbo.tag", "gray")];
    assert_eq!(routed(&rules, &reference(), &three, "Greet", &gray), [1]);
}

#[test]
fn a_rule_that_is_switched_off_is_none() {
    let two = providers(&[&[], &[]]);
    for text in [
        "enabled: false\nconditions: ['=>']",
        "conditions: []",
        "force: true",
    ] {
        let rules = rules([(Kind::Conditions, Scope::Service, text)]);
        assert_eq!(
            routed(&rules, &reference(), &two, "Greet", &[]),
            [1, 2],
            "{text}"
        );
    }
}
