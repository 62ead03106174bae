use std::time::Duration;

use super::*;

/// Returns what the two providers 10.0.0.1 (with `env=gray`) and 10.0.0.2 get by this rule.
fn set(scope: Scope, text: &str) -> [Settings; 2] {
    let rules = rules([(Kind::Overrides, scope, text)]);
    let providers = providers(&[&[("env", "gray")], &[]]);
    [0, 1].map(|place: usize| rules.settings(&reference(), &providers[place]))
}

/// Returns the weights that an entry with these further lines gives both.
fn weights(scope: Scope, head: &str, entry: &str) -> [Option<u32>; 2] {
    let text = format!("{head}\nconfigs:\n- {{parameters: {{weight: 7}}, {entry}}}");
    set(scope, &text).map(|settings| settings.weight)
}

const SERVICE: &str =
    "{configVersion: v3.0, scope: service, key: greet.GreetService, enabled: true";

fn of_service(entry: &str) -> [Option<u32>; 2] {
    let head = "configVersion: v3.0\nscope: service\nkey: greet.GreetService\nenabled: true";
    weights(Scope::Service, head, entry)
}

#[test]
fn an_entry_is_for_the_providers_and_consumers_that_it_names() {
    let (both, none) = ([Some(7); 2], [None; 2]);
    let first = [Some(7), None];
    for (entry, expected) in [
        ("side: provider", both),
        ("side: consumer", both),
        ("side: other", none),
        ("enabled: true", none),
        ("side: provider, addresses: [0.0.0.0]", both),
        ("side: provider, addresses: ['10.0.0.1:20000']", first),
        ("side: provider, addresses: [10.0.0.1]", first),
        ("side: provider, addresses: ['10.0.0.1:1']", none),
        ("side: consumer, addresses: [10.0.1.1]", both),
        ("side: consumer, addresses: [10.0.1.2]", none),
        (
            "side: consumer, providerAddresses: ['10.0.0.1:20000']",
            first,
        ),
        ("side: consumer, applications: [desk]", both),
        ("side: consumer, applications: [shop]", none),
        ("side: provider, applications: [shop]", both),
        (
            "side: provider, match: {param: [{key: env, value: {exact: gray}}]}",
            first,
        ),
        (
            "side: provider, match: {address: {wildcard: '10.0.0.1*'}}",
            first,
        ),
        (
            "side: consumer, match: {address: {cird: 10.0.1.0/24}}",
            both,
        ),
        (
            "side: consumer, match: {providerAddress: {exact: '10.0.0.1:20000'}}",
            first,
        ),
        (
            "side: consumer, match: {app: {oneof: [{exact: other}, {prefix: de}]}}",
            both,
        ),
        (
            "side: consumer, match: {service: {oneof: [{exact: a.B}]}}",
            none,
        ),
        ("side: consumer, type: weight", none),
        ("side: consumer, type: weight, enabled: true", both),
    ] {
        assert_eq!(of_service(entry), expected, "{entry}");
    }
}

#[test]
fn the_key_says_which_service_and_application_are_meant() {
    let (both, none) = ([Some(7); 2], [None; 2]);
    for (scope, head, side, expected) in [
        (Scope::Service, "key: greet.GreetService", "provider", both),
        (
            Scope::Service,
            "key: 'greet.GreetService::'",
            "provider",
            both,
        ),
        (
            Scope::Service,
            "key: blue/greet.GreetService",
            "provider",
            none,
        ),
        (Scope::Service, "key: a.B", "provider", none),
        (
            Scope::Service,
            "key: greet.GreetService\nenabled: false",
            "provider",
            none,
        ),
        (shop(), "scope: application\nkey: shop", "provider", both),
        (shop(), "scope: application\nkey: shop", "consumer", none),
        (shop(), "scope: application\nkey: desk", "provider", none),
        (
            Scope::Consumer,
            "scope: application\nkey: desk",
            "consumer",
            both,
        ),
        (
            Scope::Consumer,
            "scope: application\nkey: desk",
            "provider",
            none,
        ),
    ] {
        let found = weights(scope, head, &format!("side: {side}"));
        assert_eq!(found, expected, "{head} {side}");
    }
    let head = "scope: application\nkey: desk";
    let of = |services: &str| {
        weights(
            Scope::Consumer,
            head,
            &format!("side: consumer, services: [{services}]"),
        )
    };
    assert_eq!(of("a.B"), none);
    assert_eq!(of("a.B, greet.GreetService"), both);
    assert_eq!(of("'*'"), both);
}

#[test]
fn parameters_are_read() {
    let text = SERVICE.to_owned()
        + ", configs: [{side: consumer, parameters: {timeout: 1500, retries: '-1', Greet.timeout: '20', \
           Greet.retries: 4, disabled: true, loadbalance: random}}]}";
    let [settings, _] = set(Scope::Service, &text);
    assert_eq!(settings.timeout, Some(Duration::from_millis(1500)));
    assert_eq!((settings.retries, settings.disabled), (Some(0), Some(true)));
    let greet = settings.methods["Greet"];
    assert_eq!(greet.timeout, Some(Duration::from_millis(20)));
    assert_eq!(greet.retries, Some(4));
    let text = "key: greet.GreetService\nconfigs: [{side: provider, parameters: {weight: 3, '~env': gray}}]";
    assert_eq!(
        set(Scope::Service, text).map(|s| s.weight),
        [Some(3), None],
        "a condition of 2.7"
    );
}

#[test]
fn the_more_special_override_wins() {
    let entry = |weight: u32, more: &str| {
        format!("{{side: consumer, parameters: {{weight: {weight}, retries: {weight}}}{more}}}")
    };
    let text = format!(
        "{SERVICE}, configs: [{}, {}]}}",
        entry(1, ", providerAddresses: [10.0.0.1]"),
        entry(2, "")
    );
    assert_eq!(
        set(Scope::Service, &text).map(|s| s.weight),
        [Some(1), Some(2)]
    );
    let of = |scope: &str, key: &str, side: &str, params: &str| {
        format!("scope: {scope}\nkey: {key}\nconfigs: [{{side: {side}, parameters: {{{params}}}}}]")
    };
    let all = rules([
        (
            Kind::Overrides,
            shop(),
            &of(
                "application",
                "shop",
                "provider",
                "weight: 1, timeout: 1, retries: 1",
            ),
        ),
        (
            Kind::Overrides,
            Scope::Consumer,
            &of("application", "desk", "consumer", "weight: 2, timeout: 2"),
        ),
        (
            Kind::Overrides,
            Scope::Service,
            &of("service", "greet.GreetService", "provider", "weight: 3"),
        ),
    ]);
    let settings = all.settings(&reference(), &providers(&[&[]])[0]);
    assert_eq!(settings.weight, Some(3));
    assert_eq!(settings.timeout, Some(Duration::from_millis(2)));
    assert_eq!(settings.retries, Some(1));
}

#[test]
fn wrong_values_are_refused() {
    for wrong in [
        "configs: [{side: consumer, parameters: {weight: 1}}]",
        "key: a.B\nconfigs: [{side: consumer}]",
        "key: a.B\nconfigs: [{side: consumer, parameters: {}}]",
        "key: a.B\nconfigs: [{side: consumer, parameters: {weight: -1}}]",
        "key: a.B\nconfigs: [{side: consumer, parameters: {timeout: soon}}]",
        "key: a.B\nconfigs: [{side: consumer, parameters: {timeout: 0}}]",
        "key: a.B\nconfigs: [{side: consumer, parameters: {retries: x}}]",
        "key: a.B\nconfigs: [{side: consumer, parameters: [weight]}]",
        "key: a.B\nconfigs: {side: consumer}",
    ] {
        let place = source(Kind::Overrides, Scope::Service);
        let set = Rules::default().set(&place, Some(wrong.as_bytes()));
        assert!(set.is_err(), "{wrong}");
    }
}
