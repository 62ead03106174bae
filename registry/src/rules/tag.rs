//! Tag rules: which providers are set apart for calls that carry a tag.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    document::{self, Map},
    param,
    pattern::{ParamMatch, is_address},
};
use crate::{Malformed, ProviderEntry};

/// The parameter of a provider, and the header of a call, that holds its tag.
pub(super) const TAG: &str = "dubbo.tag";

/// Separates the levels of a tag: `gray|team1` falls back to `gray`.
const LEVELS: char = '|';

/// The tag rule of one application.
#[derive(Clone, Debug)]
pub(super) struct TagRule {
    force: bool,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug)]
struct Tag {
    name: String,
    addresses: Vec<String>,
    params: Vec<ParamMatch>,
}

impl TagRule {
    /// Reads a rule; `None` for one that is switched off or has no tags.
    pub(super) fn parse(data: &[u8]) -> Result<Option<Self>, Malformed> {
        let value = document::parse(data)?;
        let map = Map::of(&value)?;
        let read = |tag: Map<'_>| {
            let name = tag.text("name")?.filter(|name| !name.is_empty());
            Ok(Tag {
                name: name.ok_or_else(|| document::invalid("a tag has no name"))?,
                addresses: tag.texts("addresses")?,
                params: ParamMatch::read_all(tag, "match")?,
            })
        };
        let tags = map.maps("tags")?.into_iter().map(read);
        let rule = Self {
            force: map.flag("force", false)?,
            tags: tags.collect::<Result<_, Malformed>>()?,
        };
        let enabled = map.flag("enabled", true)? && map.flag("valid", true)?;
        Ok(Some(rule).filter(|rule| enabled && !rule.tags.is_empty()))
    }
}

impl Tag {
    fn names(&self, provider: &ProviderEntry) -> bool {
        if self.addresses.is_empty() {
            let value_of = |key: &str| provider.params.get(key).map(String::as_str);
            !self.params.is_empty() && self.params.iter().all(|param| param.matches(value_of))
        } else {
            let mut addresses = self.addresses.iter();
            addresses.any(|address| is_address(address, &provider.host, provider.port))
        }
    }
}

/// The tags of a list of providers.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags {
    /// What each provider registered, empty for none.
    registered: Vec<String>,
    /// What rules call each provider.
    named: Vec<BTreeSet<String>>,
    /// The tags of rules, and whether calls that carry one must not go elsewhere.
    known: BTreeMap<String, bool>,
}

impl Tags {
    pub(super) fn new(rules: &BTreeMap<String, TagRule>, providers: &[&ProviderEntry]) -> Self {
        let mut tags = Self::default();
        for provider in providers {
            tags.registered
                .push(param(provider, TAG).unwrap_or_default().into_owned());
            let mut named = BTreeSet::new();
            if let Some(rule) = rules.get(&provider.application) {
                for tag in &rule.tags {
                    let hit = tag.names(provider);
                    if hit {
                        named.insert(tag.name.clone());
                    }
                    // A list of addresses counts even if no provider is there; a match that finds none does not.
                    if hit || !tag.addresses.is_empty() {
                        match tags.known.get_mut(&tag.name) {
                            Some(forced) => *forced |= rule.force,
                            None => drop(tags.known.insert(tag.name.clone(), rule.force)),
                        }
                    }
                }
            }
            tags.named.push(named);
        }
        tags
    }

    /// Returns whether any provider or rule has a tag.
    pub(super) fn tells_apart(&self) -> bool {
        !self.known.is_empty() || self.registered.iter().any(|tag| !tag.is_empty())
    }

    /// Tells which providers a call with this tag, empty for none, may go to.
    pub(super) fn select(&self, tag: &str, force: bool) -> Vec<bool> {
        let untagged = || {
            let pairs = self.registered.iter().zip(&self.named);
            pairs
                .map(|(registered, named)| registered.is_empty() && named.is_empty())
                .collect()
        };
        if tag.is_empty() {
            return untagged();
        }
        let (selected, forced): (Vec<bool>, bool) = match self.known(tag, force) {
            Some((tag, forced)) => {
                let named = self.named.iter();
                (named.map(|names| names.contains(tag)).collect(), forced)
            }
            None => {
                let registered = self.registered.iter();
                (
                    registered.map(|registered| registered == tag).collect(),
                    false,
                )
            }
        };
        if forced || force || selected.contains(&true) {
            selected
        } else {
            untagged()
        }
    }

    /// Looks a tag up in the rules, without its last levels where it is not there and not forced.
    fn known<'t>(&self, tag: &'t str, force: bool) -> Option<(&'t str, bool)> {
        let mut tag = tag;
        loop {
            if let Some(forced) = self.known.get(tag) {
                return Some((tag, *forced));
            }
            tag = tag.rsplit_once(LEVELS).filter(|_| !force)?.0;
        }
    }
}
