//! The README's tables, compared with the programs and the workspace.

use docs::{Document, Manifest};
use e2e::Program;
use stack::text;

fn section(heading: &str) -> String {
    let readme = text("README.md");
    let (_, after) = readme
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("there is no {heading}"));
    after.split("\n## ").next().unwrap_or_default().to_owned()
}

#[test]
fn every_exported_variable_is_one_of_both_programs() {
    let helps = ["server", "client"].map(Program::help);
    let blocks = Document::read("README.md").blocks("bash").concat();
    let exports = blocks
        .lines()
        .filter_map(|line| line.strip_prefix("export "));
    let names: Vec<&str> = exports
        .filter_map(|setting| setting.split('=').next())
        .collect();
    assert_eq!(names.len(), 5, "{names:?}");
    for name in names {
        for help in &helps {
            assert!(help.contains(name), "{name}");
        }
    }
}

#[test]
fn defaults_in_the_table_of_options_are_those_of_help() {
    let helps = ["server", "client"].map(Program::help).concat();
    let mut rows = 0;
    for line in section("Options")
        .lines()
        .filter(|line| line.starts_with("| `--"))
    {
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
fn every_member_of_the_workspace_is_on_the_map() {
    let map = section("Map of the workspace");
    for folder in Manifest::root().folders() {
        if !folder.starts_with("tests/") {
            assert!(map.contains(&format!("`{folder}/`")), "{folder}");
        }
    }
}

#[test]
fn the_first_screen_has_a_picture_both_commands_and_the_addresses() {
    let readme = text("README.md");
    let first: String = readme.lines().take(40).collect::<Vec<_>>().join("\n");
    for part in [
        "docs/walk/1-overview-light.webp",
        "cargo run -p demo",
        "./test.sh",
        "http://localhost:3000",
        "| What | Where | Login |",
    ] {
        assert!(first.contains(part), "{part}");
    }
}
