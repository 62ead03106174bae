use std::sync::Arc;

use super::*;

mod bounds;
mod conditions;
mod overridden;
mod tags;
mod urls;

/// Providers on 10.0.0.1, 10.0.0.2, … of the application `shop`, each with these parameters.
fn providers(params: &[&[(&str, &str)]]) -> Vec<ProviderEntry> {
    let provider = |(place, params): (usize, &&[(&str, &str)])| ProviderEntry {
        host: format!("10.0.0.{}", place + 1),
        port: 20000,
        application: "shop".into(),
        interface: "greet.GreetService".into(),
        group: String::new(),
        version: String::new(),
        weight: 100,
        listed: true,
        params: Arc::new(
            params
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
        ),
    };
    params.iter().enumerate().map(provider).collect()
}

fn reference() -> Reference {
    let reference = Reference::new("greet.GreetService").unwrap();
    reference.application("desk").host("10.0.1.1")
}

fn source(kind: Kind, scope: Scope) -> Source {
    Source { kind, scope }
}

fn shop() -> Scope {
    Scope::Provider("shop".into())
}

fn rules<const N: usize>(rules: [(Kind, Scope, &str); N]) -> Rules {
    let mut all = Rules::default();
    for (kind, scope, text) in rules {
        all.set(&source(kind, scope), Some(text.as_bytes()))
            .unwrap();
    }
    all
}

/// Routes a call with these attachments and returns the last numbers of the providers' addresses.
fn routed(
    rules: &Rules,
    reference: &Reference,
    providers: &[ProviderEntry],
    method: &str,
    attachments: &[(&str, &str)],
) -> Vec<usize> {
    let providers: Vec<_> = providers.iter().collect();
    let router = Router::new(rules, reference, &providers);
    let find = |name: &str| {
        let found = attachments.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value)
    };
    let places = router.route(&Call {
        method,
        attachments: &find,
    });
    places.into_iter().map(|place| place + 1).collect()
}

#[test]
fn rules_stand_where_dubbo_puts_them() {
    let reference = reference().group("blue").version("1.0.0");
    let sources = Source::all(&reference, &["shop", "desk"]);
    let mut nodes: Vec<_> = sources.iter().map(|s| s.node(&reference)).collect();
    nodes.sort_unstable();
    assert_eq!(
        nodes,
        [
            "desk.condition-router",
            "desk.configurators",
            "desk.configurators",
            "desk.tag-router",
            "greet.GreetService:1.0.0:blue.condition-router",
            "greet.GreetService:1.0.0:blue.configurators",
            "shop.condition-router",
            "shop.configurators",
            "shop.tag-router",
        ]
    );
    assert_eq!(Source::all(&Reference::new("a.B").unwrap(), &[]).len(), 2);
}

#[test]
fn a_malformed_rule_leaves_the_one_before_it_in_force() {
    let one = providers(&[&[], &[]]);
    let of_service = source(Kind::Conditions, Scope::Service);
    let mut rules = rules([(
        Kind::Conditions,
        Scope::Service,
        "conditions: ['=> host=10.0.0.2']",
    )]);
    for wrong in [
        "conditions: ['=> host']",
        "conditions: ['method => method=x']",
        "conditions: ['=> =x']",
        "conditions: ['a=1 ,,b => host=x']",
        "conditions: ['arguments[0]=x => host=y']",
        "conditions: no list",
        "conditions: ['']",
        "configVersion: v3.1\nconditions: []",
        "configVersion: v4.0\nconditions: []",
        "- a list",
        "conditions: [unclosed",
        "just a text",
    ] {
        let malformed = rules.set(&of_service, Some(wrong.as_bytes()));
        assert!(malformed.is_err(), "{wrong}");
        assert_eq!(
            routed(&rules, &reference(), &one, "Greet", &[]),
            [2],
            "{wrong}"
        );
    }
    assert!(
        rules.set(&of_service, Some(&[0xff, 0xfe])).is_err(),
        "no text"
    );
    assert!(
        rules.set(&of_service, Some(&vec![b'#'; 300_000])).is_err(),
        "too large"
    );
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb += &format!(
            "a{level}: &a{level} [{}]\n",
            [alias.as_str(); 10].join(", ")
        );
    }
    assert!(
        rules.set(&of_service, Some(bomb.as_bytes())).is_err(),
        "aliases of aliases"
    );
    for none in [None, Some(" \n")] {
        rules.set(&of_service, none.map(str::as_bytes)).unwrap();
        assert_eq!(
            routed(&rules, &reference(), &one, "Greet", &[]),
            [1, 2],
            "{none:?}"
        );
    }
}

#[test]
fn rules_of_applications_that_have_left_are_forgotten() {
    let one = providers(&[&[], &[]]);
    let text = "tags: [{name: gray, addresses: [10.0.0.1]}]";
    let mut rules = rules([(Kind::Tags, shop(), text)]);
    assert_eq!(routed(&rules, &reference(), &one, "Greet", &[]), [2]);
    rules.retain(&Source::all(&reference(), &["shop"]));
    assert_eq!(routed(&rules, &reference(), &one, "Greet", &[]), [2]);
    rules.retain(&Source::all(&reference(), &[]));
    assert_eq!(routed(&rules, &reference(), &one, "Greet", &[]), [1, 2]);
}
