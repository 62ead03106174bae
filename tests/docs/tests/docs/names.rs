//! Every metric, option, port, variable, path and message in a document exists in the code.

use std::collections::BTreeSet;

use docs::{Code, Document, sources};
use e2e::{PROGRAMS, Program};
use metrics_core::{Type, families};
use regex::Regex;
use stack::{path, text};

/// Programs of others, whose options are their own.
const FOREIGN: [&str; 11] = [
    "cargo",
    "git",
    "helm",
    "docker",
    "docker-compose",
    "kubectl",
    "kind",
    "minikube",
    "promtool",
    "curl",
    "go",
];

/// Returns what a pattern finds in all that is set as code, with the document's path.
fn found(documents: &[Document], pattern: &str) -> BTreeSet<(String, String)> {
    let pattern = Regex::new(pattern).expect("a pattern of this file");
    let mut found = BTreeSet::new();
    for document in documents {
        for code in document.code() {
            let words = pattern
                .captures_iter(&code)
                .filter_map(|captures| captures.get(1).map(|word| word.as_str().to_owned()));
            found.extend(words.map(|word| (document.path.clone(), word)));
        }
    }
    found
}

#[test]
fn every_option_is_one_of_a_program_or_of_a_script() {
    let helps: String = PROGRAMS.map(Program::help).concat();
    let code = Code::read();
    let pattern = Regex::new(r"(?:^|[\s(`])(--[a-z][a-z-]+)").unwrap();
    let ours = |option: &str| {
        helps.match_indices(option).any(|(at, _)| {
            !helps[at + option.len()..].starts_with(|c: char| c.is_ascii_lowercase() || c == '-')
        })
    };
    let mut options = 0;
    for document in Document::all() {
        for line in document.code() {
            // Behind `--` a command line is our own again.
            let (command, own) = line
                .split_once(" -- ")
                .map_or((line.as_str(), ""), |(before, after)| (before, after));
            let first = command
                .trim_start_matches(['$', ' '])
                .split_whitespace()
                .find(|word| !word.contains('='));
            let foreign = first.is_some_and(|word| FOREIGN.contains(&word));
            let checked = if foreign {
                format!(" {own}")
            } else {
                line.clone()
            };
            for option in pattern
                .captures_iter(&checked)
                .map(|captures| captures[1].to_owned())
            {
                options += 1;
                assert!(
                    ours(&option) || code.has(&option),
                    "{}: {option} in {line:?}",
                    document.path
                );
            }
        }
    }
    assert!(options > 40, "{options} options");
}

#[test]
fn every_variable_is_read_or_set_somewhere() {
    let code = Code::read();
    let variables = found(&Document::all(), r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b");
    assert!(variables.len() > 10, "{variables:?}");
    for (document, variable) in variables {
        assert!(code.has_word(&variable), "{document}: {variable}");
    }
}

/// Returns the words for which `a_{b,c}_d` stands.
fn expanded(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else {
        return vec![word.to_owned()];
    };
    let Some((choices, after)) = rest.split_once('}') else {
        return vec![before.to_owned()];
    };
    // Behind a whole name stand labels.
    if !before.ends_with('_') {
        return vec![before.to_owned()];
    }
    choices
        .split(',')
        .flat_map(|choice| expanded(&format!("{before}{choice}{after}")))
        .collect()
}

#[test]
fn every_metric_is_exported() {
    let code = Code::read();
    let mut exported: BTreeSet<String> = BTreeSet::new();
    for family in families() {
        if family.kind == Type::Histogram {
            exported.extend(
                ["_bucket", "_sum", "_count"].map(|ending| format!("{}{ending}", family.name)),
            );
        }
        exported.insert(family.name.into_owned());
    }
    // The page of all families is made from the table itself, and names those that there are not.
    let documents: Vec<Document> = Document::all()
        .into_iter()
        .filter(|document| document.path != "docs/metrics.md")
        .collect();
    let words = found(
        &documents,
        r#"\b((?:dubbo|job_pushed|pgw_cleaner|process|push)_[a-z0-9_]*(?:\{[^{}]*\}[a-z0-9_]*)?\*?)"#,
    );
    assert!(words.len() > 15, "{words:?}");
    for (document, word) in words {
        for name in expanded(&word) {
            let known = match name.strip_suffix('*') {
                Some(start) => exported.iter().any(|exported| exported.starts_with(start)),
                None => exported.contains(&name),
            };
            // Jobs, rules and the cleaner's own metrics have names of the same form.
            let side = name.starts_with("dubbo_provider_") || name.starts_with("dubbo_consumer_");
            assert!(
                known || (!side && code.has_word(name.trim_end_matches('*'))),
                "{document}: {name}"
            );
        }
    }
}

#[test]
fn every_port_is_one_that_something_listens_on() {
    let code = Code::read();
    let pattern = Regex::new(r"(?:[a-z0-9]:|\bports? )([1-9][0-9]{3,4})\b").unwrap();
    // A second process needs ports of its own.
    let chosen = Regex::new(r"--(?:port|metrics-addr) \S+").unwrap();
    let mut ports = BTreeSet::new();
    for document in Document::all() {
        let text = chosen.replace_all(&document.text, "");
        ports.extend(
            pattern
                .captures_iter(&text)
                .map(|captures| (document.path.clone(), captures[1].to_owned())),
        );
    }
    assert!(ports.len() > 10, "{ports:?}");
    for (document, port) in ports {
        assert!(code.has_word(&port), "{document}: {port}");
    }
}

#[test]
fn every_path_is_there() {
    let form = Regex::new(r"^(?:\.\./|\./)?[A-Za-z_.][\w.-]*(?:/[\w.*-]+)+/?$").unwrap();
    let mut paths = 0;
    for document in Document::all() {
        for code in document
            .code()
            .into_iter()
            .filter(|code| form.is_match(code))
        {
            let name = code.trim_start_matches("../").trim_start_matches("./");
            let top = name.split('/').next().unwrap_or_default();
            // What begins with none of the project's folders is a path of another kind.
            if !path(top).is_dir() || top.starts_with('.') || top == "target" {
                continue;
            }
            paths += 1;
            let fixed = name.split('*').next().unwrap_or_default();
            let fixed = if fixed == name {
                name
            } else {
                fixed.rsplit_once('/').map_or("", |(folder, _)| folder)
            };
            assert!(
                path(fixed).exists() || document.relative(fixed).exists(),
                "{}: {code}",
                document.path
            );
        }
    }
    assert!(paths > 10, "{paths} paths");
}

#[test]
fn every_source_that_is_named_without_its_whole_path_is_there() {
    let form = Regex::new(r"^(?:[a-z_-]+/)*[a-z_]+\.rs$").unwrap();
    let sources = sources();
    let mut named = 0;
    for document in Document::all() {
        for code in document.code() {
            if !form.is_match(&code) {
                continue;
            }
            named += 1;
            assert!(
                sources.iter().any(|source| source.ends_with(&code)),
                "{}: no source is {code}",
                document.path
            );
        }
    }
    assert!(named > 30, "{named} sources");
}

#[test]
fn every_message_in_the_readmes_table_of_troubles_is_one_of_ours() {
    let code = Code::read();
    let readme = text("README.md");
    let (_, after) = readme
        .split_once("## When you see nothing")
        .expect("there is the table");
    let table = after.split("\n## ").next().unwrap_or_default();
    let mut messages = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let seen = line.split('|').nth(1).unwrap_or_default();
        for message in seen.split('`').skip(1).step_by(2) {
            let message = message
                .trim_start_matches("error: ")
                .trim_end_matches('…')
                .trim();
            assert!(code.has(message), "{message:?} in {line}");
            messages += 1;
        }
    }
    assert!(messages >= 4, "{messages} messages");
}
