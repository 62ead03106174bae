//! What the README says exists.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use e2e::Program;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("there is a README")
}

fn help(program: &str) -> String {
    let output = Program::command(program).arg("--help").output();
    String::from_utf8(output.expect("it was built").stdout).expect("help is text")
}

/// Returns the words of a text that begin with `start` and go on with `allowed` characters.
fn words(text: &str, start: &str, allowed: fn(char) -> bool) -> BTreeSet<String> {
    text.match_indices(start)
        .filter(|(at, _)| {
            !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_')
        })
        .map(|(at, _)| {
            let rest = &text[at + start.len()..];
            let end = rest.find(|c| !allowed(c)).unwrap_or(rest.len());
            format!("{start}{}", &rest[..end])
        })
        .filter(|word| word[start.len()..].starts_with(char::is_alphabetic))
        .collect()
}

#[test]
fn every_option_is_one_of_a_program() {
    let known: String = ["server", "client", "demo", "pgw-cleaner"]
        .map(help)
        .concat();
    // Options of cargo itself.
    let others = ["--open"];
    for option in words(&readme(), "--", |c| c.is_ascii_lowercase() || c == '-') {
        let is_known =
            words(&known, "--", |c| c.is_ascii_lowercase() || c == '-').contains(&option);
        assert!(is_known || others.contains(&option.as_str()), "{option}");
    }
}

#[test]
fn every_exported_variable_is_one_of_both_programs() {
    let helps = ["server", "client"].map(help);
    let readme = readme();
    let exported: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("export "))
        .filter_map(|line| line.split('=').next())
        .collect();
    assert_eq!(exported.len(), 5, "{exported:?}");
    for name in exported {
        for help in &helps {
            assert!(help.contains(name), "{name}");
        }
    }
}

#[test]
fn defaults_in_the_table_of_options_are_those_of_help() {
    let helps = ["server", "client"].map(help).concat();
    let readme = readme();
    let table = readme
        .split("## Options")
        .nth(1)
        .expect("there is a table of options");
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| `--")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        for default in cells[2].split(", ").map(|text| text.trim_matches('`')) {
            // Words for what is no fixed value.
            if ["off", "none", "endless", "first private IPv4 address"].contains(&default) {
                continue;
            }
            assert!(
                helps.contains(&format!("[default: {default}]")),
                "{default} in {line}"
            );
        }
        rows += 1;
    }
    assert!(rows >= 10, "{rows} rows");
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let readme = readme();
    let mut links = 0;
    for (at, _) in readme.match_indices("](") {
        let target = readme[at + 2..]
            .split(')')
            .next()
            .expect("split has a first part");
        if target.starts_with("http") {
            continue;
        }
        assert!(root().join(target).exists(), "{target}");
        links += 1;
    }
    assert!(links > 0);
}

#[test]
fn every_member_of_the_workspace_is_on_the_map() {
    let readme = readme();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there is a manifest");
    let members = manifest
        .split("members = [")
        .nth(1)
        .and_then(|rest| rest.split(']').next());
    for member in members
        .expect("there are members")
        .split(',')
        .map(|text| text.trim().trim_matches('"'))
    {
        if member.is_empty() || member.starts_with("tests/") {
            continue;
        }
        assert!(readme.contains(&format!("`{member}/`")), "{member}");
    }
}
