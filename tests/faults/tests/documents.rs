//! What `docs/reliability.md` says is there.

use std::fs;
use std::path::Path;

use faults::FAULTS;
use regex::Regex;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

fn document() -> String {
    text("docs/reliability.md")
}

/// Returns the tests that the document names, each with the file that its link leads to.
fn named(document: &str) -> Vec<(String, String)> {
    let link = Regex::new(r"\[`([a-z0-9_]+)`\]\(\.\./([^)]+\.rs)\)").expect("a regular expression");
    link.captures_iter(document)
        .map(|link| (link[1].to_owned(), link[2].to_owned()))
        .collect()
}

#[test]
fn every_test_that_is_named_exists_where_its_link_leads() {
    let tests = named(&document());
    assert!(tests.len() > FAULTS.len(), "{tests:?}");
    for (name, file) in tests {
        let source = text(&file);
        let function = format!("fn {name}(");
        let (before, _) = source
            .split_once(&function)
            .unwrap_or_else(|| panic!("{file} has no {function}"));
        let attributes = before.rsplit("\n\n").next().unwrap_or_default();
        assert!(
            attributes.contains("#[test]") || attributes.contains("#[tokio::test"),
            "{name} in {file} is no test"
        );
    }
}

#[test]
fn every_promise_names_its_test() {
    let document = document();
    let rows: Vec<&str> = document
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter(|line| !line.starts_with("| promise"))
        .collect();
    assert!(rows.len() >= FAULTS.len(), "{rows:#?}");
    for row in rows {
        assert!(!named(row).is_empty(), "a promise without a test: {row}");
    }
}

#[test]
fn every_fault_is_told_of_with_its_test() {
    let document = document();
    let tests = text("tests/faults/tests/promises/faults.rs");
    for fault in FAULTS {
        let (before, _) = tests
            .split_once(&format!("holds(\"{}\")", fault.name))
            .unwrap_or_else(|| panic!("{} has no test", fault.name));
        let (_, test) = before.rsplit_once("fn ").expect("it is in a function");
        let test = test.split('(').next().unwrap_or_default();
        let row = document
            .lines()
            .find(|line| line.contains(&format!("`{}`", fault.name)));
        assert!(
            row.is_some_and(|row| row.contains(&format!("[`{test}`]"))),
            "{} and {test} in one row",
            fault.name
        );
    }
}
