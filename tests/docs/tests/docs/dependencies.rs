//! `docs/dependencies.md` gives a reason for every direct dependency, and counts them.

use std::collections::{BTreeMap, BTreeSet};

use docs::{Manifest, Use, shipped};
use e2e::PROGRAMS;
use stack::text;

/// Returns the part of the document below a heading, up to the next.
fn section(heading: &str) -> String {
    let document = text("docs/dependencies.md");
    let (_, rest) = document
        .split_once(&format!("\n## {heading}"))
        .unwrap_or_else(|| panic!("no {heading:?}"));
    rest.split("\n## ").next().unwrap_or_default().to_owned()
}

/// Returns the crates of a section's table with their reasons.
fn reasons(heading: &str) -> BTreeMap<String, String> {
    let section = section(heading);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once("` | "))
        .map(|(name, reason)| (name.to_owned(), reason.trim_end_matches(" |").to_owned()))
        .collect()
}

#[test]
fn every_direct_dependency_has_its_reason_in_the_right_table() {
    let root = Manifest::root();
    let members = root.members();
    let shipped = shipped(&members, &PROGRAMS);
    let (mut programs, mut tests) = (BTreeSet::new(), BTreeSet::new());
    for (name, member) in &members {
        let builds = member.uses(Use::Build);
        if shipped.contains(name) {
            programs.extend(builds);
        } else {
            tests.extend(builds);
        }
        tests.extend(member.uses(Use::Test));
    }
    let third_parties = root.third_parties();
    programs.retain(|name| third_parties.contains(name));
    tests.retain(|name| third_parties.contains(name) && !programs.contains(name));
    for (heading, wanted) in [("In the programs", &programs), ("In tests only", &tests)] {
        let reasons = reasons(heading);
        let found: BTreeSet<String> = reasons.keys().cloned().collect();
        assert_eq!(&found, wanted, "{heading}");
        for (name, reason) in reasons {
            assert!(reason.split(' ').count() >= 3, "{name}: {reason:?}");
        }
        assert!(
            section(heading).starts_with(&format!(": {}\n", wanted.len())),
            "{heading} are {}",
            wanted.len()
        );
    }
    let used: BTreeSet<String> = programs.union(&tests).cloned().collect();
    assert_eq!(used, third_parties, "nothing in the list is unused");
}

#[test]
fn every_version_is_chosen_in_one_place() {
    for (name, member) in Manifest::root().members() {
        assert_eq!(member.apart(), BTreeSet::new(), "{name}");
    }
}

#[test]
fn a_layer_alone_needs_forty_crates_at_most() {
    let tree = |features: &[&str]| {
        let output = std::process::Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "--package", "metrics-core"])
            .args(["--edges", "normal,no-proc-macro", "--prefix", "none"])
            .args(features)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs this test");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let crates = text.lines().map(|line| line.trim_end_matches(" (*)"));
        let names = crates.filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (layer, whole) = (tree(&["--no-default-features"]), tree(&[]));
    assert!(layer.len() <= 40, "{layer:?}");
    for heavy in ["axum", "hyper", "reqwest", "ring", "rustls"] {
        assert!(whole.contains(heavy) && !layer.contains(heavy), "{heavy}");
    }
}
