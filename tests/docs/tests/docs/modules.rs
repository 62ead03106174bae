//! What uses what, as `docs/architecture.md` says: crates from the top down, and no circles between the modules of a library.

use std::collections::BTreeSet;

use docs::{Manifest, Modules, Use};

/// The crates of the programs with all that each may use of them, from the bottom up.
const CRATES: [(&str, &[&str]); 13] = [
    ("about", &[]),
    ("greet", &[]),
    ("credentials", &[]),
    ("guarded-http", &["credentials"]),
    ("pushgateway", &["credentials"]),
    ("metrics-core", &["guarded-http", "pushgateway"]),
    ("dubbo-registry", &["credentials"]),
    (
        "triple",
        &[
            "credentials",
            "dubbo-registry",
            "guarded-http",
            "metrics-core",
        ],
    ),
    (
        "app",
        &[
            "about",
            "credentials",
            "dubbo-registry",
            "guarded-http",
            "metrics-core",
            "pushgateway",
            "triple",
        ],
    ),
    (
        "server",
        &["about", "app", "credentials", "greet", "triple"],
    ),
    (
        "client",
        &[
            "about",
            "app",
            "credentials",
            "greet",
            "metrics-core",
            "triple",
        ],
    ),
    (
        "demo",
        &[
            "about",
            "app",
            "dubbo-registry",
            "greet",
            "metrics-core",
            "server",
            "triple",
        ],
    ),
    (
        "pgw-cleaner",
        &["about", "credentials", "guarded-http", "pushgateway"],
    ),
];

#[test]
fn crates_use_only_those_below_them() {
    let members = Manifest::root().members();
    for (place, (name, allowed)) in CRATES.iter().enumerate() {
        let used = members[*name].uses(Use::Build);
        let used: BTreeSet<_> = used
            .iter()
            .filter(|used| members.contains_key(*used))
            .collect();
        for used in used {
            assert!(allowed.contains(&used.as_str()), "{name} uses {used}");
            let below = CRATES[..place].iter().any(|(below, _)| below == used);
            assert!(below, "{name} stands below {used}");
        }
    }
}

#[test]
fn no_modules_use_each_other_in_circles() {
    for folder in [
        "metrics-core",
        "pushgateway",
        "registry",
        "tools/pgw-cleaner",
        "triple",
        "app",
    ] {
        assert_eq!(Modules::of(folder).circles(), [] as [&str; 0], "{folder}");
    }
}
