//! Rules that operators publish, as Dubbo Admin does, under `/dubbo/config/dubbo` or, as URLs, beside a service's providers: which providers a
//! call may go to, and what is overridden.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use crate::{Malformed, ProviderEntry, Reference, metadata::TRIPLE};

mod condition;
mod document;
mod overrides;
mod pattern;
mod router;
mod tag;

pub use overrides::{MethodSettings, Settings};
pub use router::Router;

use condition::ConditionRule;
use document::{MAX_VALUES, invalid};
use overrides::{Called, Override, Side, UrlOverride};
use tag::TagRule;

/// The most values, parameters and addresses alike, of all overrides of a service that are written as URLs.
const MAX_URL_VALUES: usize = 4 * MAX_VALUES;

/// The rules for one service and one consumer of it; none by default.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// By the application of the providers.
    tags: BTreeMap<String, TagRule>,
    /// In the order in which they are applied.
    conditions: BTreeMap<Scope, ConditionRule>,
    overrides: BTreeMap<Scope, Vec<Override>>,
    /// In the order in which they are applied.
    urls: Vec<UrlOverride>,
}

/// Whom a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Service,
    /// The providers of an application.
    Provider(String),
    /// The application that calls.
    Consumer,
}

/// A kind of rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Tags,
    Conditions,
    Overrides,
}

/// One rule's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    kind: Kind,
    scope: Scope,
}

impl Source {
    /// Returns the places where rules for `reference` may stand while `applications` provide it.
    pub(crate) fn all(reference: &Reference, applications: &[&str]) -> Vec<Self> {
        let of = |kind, scope| Self { kind, scope };
        let mut sources = vec![
            of(Kind::Conditions, Scope::Service),
            of(Kind::Overrides, Scope::Service),
        ];
        if !reference.calling_application().is_empty() {
            sources.push(of(Kind::Conditions, Scope::Consumer));
            sources.push(of(Kind::Overrides, Scope::Consumer));
        }
        for application in applications {
            let scope = || Scope::Provider((*application).to_owned());
            sources.push(of(Kind::Tags, scope()));
            sources.push(of(Kind::Overrides, scope()));
            // Once is enough for an application that calls itself.
            if *application != reference.calling_application() {
                sources.push(of(Kind::Conditions, scope()));
            }
        }
        sources
    }

    /// Returns the name of the rule's node.
    pub(crate) fn node(&self, reference: &Reference) -> String {
        let subject = match &self.scope {
            Scope::Service => reference.rule_key(),
            Scope::Provider(application) => application.clone(),
            Scope::Consumer => reference.calling_application().to_owned(),
        };
        let suffix = match self.kind {
            Kind::Tags => "tag-router",
            Kind::Conditions => "condition-router",
            Kind::Overrides => "configurators",
        };
        format!("{subject}.{suffix}")
    }
}

impl Rules {
    /// Takes over what a rule's node holds, `None` where there is none. A malformed rule leaves the one before it in force, as in Dubbo.
    pub(crate) fn set(&mut self, source: &Source, data: Option<&[u8]>) -> Result<(), Malformed> {
        let data = data.filter(|data| !data.trim_ascii().is_empty());
        let scope = source.scope.clone();
        match source.kind {
            Kind::Tags => {
                let Scope::Provider(application) = scope else {
                    return Ok(());
                };
                put(
                    &mut self.tags,
                    application,
                    data.map(TagRule::parse).transpose()?.flatten(),
                );
            }
            Kind::Conditions => {
                let rule = data.map(ConditionRule::parse).transpose()?.flatten();
                put(&mut self.conditions, scope, rule);
            }
            Kind::Overrides => {
                put(
                    &mut self.overrides,
                    scope,
                    data.map(overrides::parse).transpose()?,
                );
            }
        }
        Ok(())
    }

    /// Takes over the overrides that are written as URLs, in place of those before. Returns which are malformed, by their place in the list:
    /// they are left out.
    pub(crate) fn set_urls(&mut self, urls: &[String]) -> Vec<(usize, Malformed)> {
        let (mut malformed, mut values) = (Vec::new(), 0);
        self.urls.clear();
        for (place, url) in urls.iter().enumerate() {
            values += 1 + url.matches(['&', ',']).count() + url.matches("%2C").count();
            if values > MAX_URL_VALUES {
                let reason = format!("those before it have {MAX_URL_VALUES} values");
                malformed.push((place, invalid(reason)));
                break;
            }
            match overrides::parse_url(url) {
                Ok(entry) => self.urls.extend(entry),
                Err(reason) => malformed.push((place, reason)),
            }
        }
        self.urls.sort_by(UrlOverride::order);
        malformed
    }

    /// Forgets the rules of places that are not among `sources`.
    pub(crate) fn retain(&mut self, sources: &[Source]) {
        let is_there =
            |kind, scope: &Scope| sources.iter().any(|s| s.kind == kind && s.scope == *scope);
        self.tags
            .retain(|app, _| is_there(Kind::Tags, &Scope::Provider(app.clone())));
        self.conditions
            .retain(|scope, _| is_there(Kind::Conditions, scope));
        self.overrides
            .retain(|scope, _| is_there(Kind::Overrides, scope));
    }

    /// Returns what operators have set for `provider` as `reference` calls it: as URLs, for the provider's application, for the caller's,
    /// and for the service, of which the later ones win.
    pub fn settings(&self, reference: &Reference, provider: &ProviderEntry) -> Settings {
        let mut settings = Settings::default();
        let called = Called::new(reference);
        for UrlOverride { entry, .. } in &self.urls {
            entry.apply(Side::Consumer, &called, provider, &mut settings);
        }
        let of = |scope| self.overrides.get(&scope).into_iter().flatten();
        for entry in of(Scope::Provider(provider.application.clone())) {
            entry.apply(Side::Provider, &called, provider, &mut settings);
        }
        for entry in of(Scope::Consumer) {
            entry.apply(Side::Consumer, &called, provider, &mut settings);
        }
        for side in [Side::Provider, Side::Consumer] {
            for entry in of(Scope::Service) {
                entry.apply(side, &called, provider, &mut settings);
            }
        }
        settings
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

/// What rules may look at in a call.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    /// The method, without its interface.
    pub method: &'c str,
    /// Finds an attachment, which is a header of the request.
    pub attachments: &'c dyn Fn(&str) -> Option<&'c str>,
}

impl Call<'_> {
    fn attachment(&self, name: &str) -> Option<&str> {
        (self.attachments)(name)
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// Returns a parameter of a provider by the name that rules use.
fn param<'p>(provider: &'p ProviderEntry, key: &str) -> Option<Cow<'p, str>> {
    let told = match key {
        "host" => &provider.host,
        "port" => return Some(provider.port.to_string().into()),
        "address" => return Some(provider.address().into()),
        "protocol" => TRIPLE,
        "side" => "provider",
        "application" => &provider.application,
        "interface" | "path" => &provider.interface,
        "group" => &provider.group,
        "version" => &provider.version,
        key => provider.params.get(key)?,
    };
    Some(told.into()).filter(|told: &Cow<'_, str>| !told.is_empty())
}

#[cfg(test)]
mod tests;
