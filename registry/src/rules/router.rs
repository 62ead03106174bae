//! The rules of a service, made ready for one list of providers.

use super::{
    Call, Rules, Scope,
    condition::Matcher,
    param,
    tag::{TAG, Tags},
};
use crate::{ProviderEntry, Reference};

/// The header of a call that forbids providers without its tag.
const FORCE: &str = "dubbo.force.tag";

/// Says which of a list of providers a call may go to, by tag rules and then by condition rules.
#[derive(Clone, Debug, Default)]
pub struct Router {
    tag: String,
    tags: Tags,
    conditions: Vec<Condition>,
}

/// A condition whose caller matches.
#[derive(Clone, Debug)]
struct Condition {
    force: bool,
    /// What the call has to be.
    when: Vec<Matcher>,
    /// Which providers it is about: those of an application, or all.
    about: Vec<bool>,
    /// Which of those are left.
    then: Vec<bool>,
}

impl Router {
    /// Makes the rules ready for `providers`, called as `reference` says.
    pub fn new(rules: &Rules, reference: &Reference, providers: &[&ProviderEntry]) -> Self {
        let caller = |key: &str| reference.param(key);
        let mut conditions = Vec::new();
        for (scope, rule) in &rules.conditions {
            for condition in &rule.conditions {
                let (when, fixed): (Vec<_>, Vec<_>) = condition
                    .when
                    .iter()
                    .cloned()
                    .partition(Matcher::looks_at_calls);
                if !fixed.iter().all(|matcher| matcher.matches_caller(caller)) {
                    continue;
                }
                let is_about = |provider: &&ProviderEntry| match scope {
                    Scope::Provider(application) => provider.application == *application,
                    Scope::Service | Scope::Consumer => true,
                };
                let fits = |provider: &&ProviderEntry| {
                    let one = |matcher: &Matcher| {
                        matcher.matches_provider(|key| param(provider, key), caller)
                    };
                    condition
                        .then
                        .as_ref()
                        .is_some_and(|then| then.iter().all(one))
                };
                conditions.push(Condition {
                    force: rule.force || condition.then.is_none(),
                    when,
                    about: providers.iter().map(is_about).collect(),
                    then: providers.iter().map(fits).collect(),
                });
            }
        }
        Self {
            tag: reference.tag().to_owned(),
            tags: Tags::new(&rules.tags, providers),
            conditions,
        }
    }

    /// Returns whether there are calls that may not go to all of the providers.
    pub fn tells_apart(&self) -> bool {
        !self.conditions.is_empty() || self.tags.tells_apart()
    }

    /// Tells whether this call may be routed in another way than one without attachments and with an unknown method.
    #[inline]
    pub fn looks_at(&self, attachment: impl Fn(&str) -> bool) -> bool {
        self.conditions
            .iter()
            .any(|condition| !condition.when.is_empty())
            || attachment(TAG)
            || (!self.tag.is_empty() && attachment(FORCE))
    }

    /// Returns which providers a call may go to, as places in the list.
    pub fn route(&self, call: &Call<'_>) -> Vec<usize> {
        let told = call.attachment(TAG).filter(|tag| !tag.is_empty());
        let force = call
            .attachment(FORCE)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let mut open = self.tags.select(told.unwrap_or(&self.tag), force);
        for condition in &self.conditions {
            condition.narrow(&mut open, call);
        }
        let places = open.iter().enumerate().filter(|(_, open)| **open);
        places.map(|(place, _)| place).collect()
    }
}

impl Condition {
    fn narrow(&self, open: &mut [bool], call: &Call<'_>) {
        if !self.when.iter().all(|matcher| matcher.matches_call(call)) {
            return;
        }
        let left = |place: usize| open[place] && self.about[place] && self.then[place];
        if self.force || (0..open.len()).any(left) {
            for (place, open) in open.iter_mut().enumerate() {
                *open &= !self.about[place] || self.then[place];
            }
        }
    }
}
