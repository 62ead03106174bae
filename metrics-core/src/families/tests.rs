//! The table itself, checked against the text format's rules and against what dubbo-go exports.

use std::collections::HashSet;

use super::*;

#[test]
fn names_are_legal_and_unique() {
    let mut seen = HashSet::new();
    for family in families() {
        let legal = family
            .name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        assert!(
            legal && family.name.starts_with(|c: char| c.is_ascii_lowercase()),
            "{} is no metric name",
            family.name
        );
        assert!(
            seen.insert(family.name.clone()),
            "{} stands in the table twice",
            family.name
        );
    }
}

#[test]
fn every_family_is_documented() {
    for family in families() {
        let texts = [&*family.help, family.unit, family.remark];
        assert!(
            texts.iter().all(|text| !text.is_empty()),
            "{} lacks a text",
            family.name
        );
    }
}

#[test]
fn label_names_are_unique_in_each_family() {
    for family in families() {
        let distinct: HashSet<_> = family.labels.iter().collect();
        assert_eq!(distinct.len(), family.labels.len(), "{}", family.name);
    }
}
