//! Links lead somewhere.

use std::collections::BTreeSet;

use docs::Document;
use regex::Regex;
use stack::path;

#[test]
fn every_link_leads_to_a_file_a_heading_or_has_the_form_of_an_address() {
    let address =
        Regex::new(r"^https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{2,5})?(/[^\s<>]*)?$").unwrap();
    let mut links = 0;
    for document in Document::all() {
        for link in document.links() {
            links += 1;
            let target = link.target.as_str();
            // Both come from ./bench.sh: where it has written no figures yet, it has drawn no picture.
            let unwritten = "writes from here -->\n<!-- to here -->";
            if target == "side-by-side.svg" && document.text.contains(unwritten) {
                continue;
            }
            if target.starts_with("http") {
                assert!(address.is_match(target), "{}: {target}", document.path);
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = document.relative(file);
            assert!(
                file.is_empty() || path.exists(),
                "{}: there is no {target}",
                document.path
            );
            if !anchor.is_empty() {
                let of = if file.is_empty() {
                    document.clone()
                } else {
                    Document {
                        path: file.to_owned(),
                        text: std::fs::read_to_string(&path).unwrap(),
                    }
                };
                assert!(
                    of.anchors().contains(anchor),
                    "{}: no heading for {target}: {:?}",
                    document.path,
                    of.anchors()
                );
            }
        }
    }
    assert!(links > 30, "{links} links");
}

#[test]
fn every_test_that_a_link_names_is_in_its_file() {
    let mut named = 0;
    for document in Document::all() {
        for link in document.links() {
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !link.target.ends_with(".rs")
                || !link.words.contains('_')
                || !link.words.chars().all(is_name)
            {
                continue;
            }
            named += 1;
            let source = std::fs::read_to_string(document.relative(&link.target)).unwrap();
            assert!(
                source.contains(&format!("fn {}(", link.words)),
                "{}: {} has no {}",
                document.path,
                link.target,
                link.words
            );
        }
    }
    assert!(named > 60, "{named} tests");
}

#[test]
fn every_answer_to_a_threat_has_a_test() {
    let page = Document::read("docs/security.md").text;
    let (_, table) = page.split_once("\n## Threats").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<_> = rows.skip(1).collect();
    assert!(rows.len() > 20, "{} rows", rows.len());
    for row in rows {
        let test = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(test.contains("]("), "{row}");
    }
}

#[test]
fn every_document_in_docs_can_be_reached_from_the_readme() {
    let mut reached = BTreeSet::new();
    let mut next = vec!["README.md".to_owned()];
    while let Some(name) = next.pop() {
        if !reached.insert(name.clone()) {
            continue;
        }
        let document = Document::read(&name);
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in document.links() {
            let target = link.target.split('#').next().unwrap_or_default();
            let linked = match target.strip_prefix("../") {
                Some(above) => above.to_owned(),
                None if folder.is_empty() => target.to_owned(),
                None => format!("{folder}/{target}"),
            };
            if linked.ends_with(".md") && path(&linked).exists() {
                next.push(linked);
            }
        }
    }
    for document in Document::all() {
        assert!(
            !document.path.starts_with("docs/") || reached.contains(&document.path),
            "no link leads from the README to {}",
            document.path
        );
    }
}
