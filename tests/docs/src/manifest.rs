//! The workspace's own manifests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stack::text;

/// What a member uses something for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It becomes a part of what it is built into, or builds it.
    Build,
    /// Its tests need it.
    Test,
}

/// The manifest of a member, or the workspace's own.
#[derive(Clone, Debug)]
pub struct Manifest(Value);

impl Manifest {
    /// Reads the workspace's own.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn root() -> Self {
        Self::read("Cargo.toml")
    }

    fn read(path: &str) -> Self {
        Self(basic_toml::from_str(&text(path)).unwrap_or_else(|err| panic!("{path}: {err}")))
    }

    /// Returns the folders of the workspace's members.
    ///
    /// # Panics
    /// When this is not the workspace's own manifest.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let members = self.0["workspace"]["members"].as_array();
        members.expect("a list").iter().filter_map(Value::as_str)
    }

    /// Returns the members of the workspace by their names.
    ///
    /// # Panics
    /// When this is not the workspace's own manifest.
    #[must_use]
    pub fn members(&self) -> BTreeMap<String, Self> {
        self.folders()
            .map(|folder| {
                let manifest = Self::read(&format!("{folder}/Cargo.toml"));
                let name = manifest.0["package"]["name"].as_str();
                (name.expect("members have names").to_owned(), manifest)
            })
            .collect()
    }

    /// Returns the names in `[workspace.dependencies]`, without the members.
    ///
    /// # Panics
    /// When this is not the workspace's own manifest.
    #[must_use]
    pub fn third_parties(&self) -> BTreeSet<String> {
        let all = self.0["workspace"]["dependencies"].as_object();
        let all = all.expect("a table").iter();
        all.filter(|(_, value)| value.get("path").is_none())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Returns what the member names for this use.
    #[must_use]
    pub fn uses(&self, of: Use) -> BTreeSet<String> {
        let sections: &[&str] = match of {
            Use::Build => &["dependencies", "build-dependencies"],
            Use::Test => &["dev-dependencies"],
        };
        self.entries(sections).map(|(name, _)| name).collect()
    }

    /// Returns what the member takes from elsewhere than from the workspace's list.
    #[must_use]
    pub fn apart(&self) -> BTreeSet<String> {
        self.entries(&["dependencies", "build-dependencies", "dev-dependencies"])
            .filter(|(_, value)| value.get("workspace").is_none())
            .map(|(name, _)| name)
            .collect()
    }

    fn entries(&self, sections: &[&str]) -> impl Iterator<Item = (String, Value)> {
        let targets = self.0.get("target").and_then(Value::as_object);
        let tables = targets
            .into_iter()
            .flat_map(|targets| targets.values().filter_map(Value::as_object))
            .chain(self.0.as_object());
        let entries: Vec<_> = tables
            .flat_map(|table| sections.iter().filter_map(|section| table.get(*section)))
            .filter_map(Value::as_object)
            .flat_map(|section| section.clone())
            .collect();
        entries.into_iter()
    }
}

/// Returns the members that these are built of, themselves among them.
///
/// # Panics
/// When one is no member.
#[must_use]
pub fn shipped(members: &BTreeMap<String, Manifest>, programs: &[&str]) -> BTreeSet<String> {
    let mut shipped = BTreeSet::new();
    let mut left: Vec<String> = programs.iter().map(ToString::to_string).collect();
    while let Some(name) = left.pop() {
        let uses = members[&name].uses(Use::Build);
        if shipped.insert(name) {
            left.extend(uses.into_iter().filter(|used| members.contains_key(used)));
        }
    }
    shipped
}
