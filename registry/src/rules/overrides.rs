//! Overrides: weight, `disabled`, timeout and retries that operators set for a service or an application.

mod url;

use std::{collections::BTreeMap, time::Duration};

use super::{
    document::{self, Map, invalid, is_true},
    pattern::{AddressMatch, ParamMatch, TextMatch, is_address},
};
use crate::{Malformed, ProviderEntry, Reference, reference::service_key};

pub(super) use url::{UrlOverride, parse as parse_url};

/// What operators have set; `None` and empty where they have set nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The provider's share of the calls.
    pub weight: Option<u32>,
    /// Whether the provider is not to be called at all.
    pub disabled: Option<bool>,
    /// How long an attempt may take.
    pub timeout: Option<Duration>,
    /// How many further attempts a call may make.
    pub retries: Option<usize>,
    /// The same of single methods, by name.
    pub methods: BTreeMap<String, MethodSettings>,
}

/// What operators have set for one method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodSettings {
    /// How long an attempt may take.
    pub timeout: Option<Duration>,
    /// How many further attempts a call may make.
    pub retries: Option<usize>,
}

impl Settings {
    fn read(params: &[(&str, String)]) -> Result<Self, Malformed> {
        let mut settings = Self::default();
        for (key, value) in params {
            let (method, name) = key.rsplit_once('.').unwrap_or(("", key));
            let wrong = || invalid(format!("{key} is {value:?}"));
            match (method, name) {
                ("", "weight") => settings.weight = Some(value.parse().map_err(|_| wrong())?),
                ("", "disabled") => settings.disabled = Some(is_true(value)),
                (_, "timeout") => {
                    let milliseconds = value.parse().ok().filter(|number| *number > 0);
                    let timeout = milliseconds.map(Duration::from_millis).ok_or_else(wrong)?;
                    match method {
                        "" => settings.timeout = Some(timeout),
                        _ => settings.method(method).timeout = Some(timeout),
                    }
                }
                (_, "retries") => {
                    // A negative number is none to Dubbo.
                    let number: i32 = value.parse().map_err(|_| wrong())?;
                    let retries = usize::try_from(number).unwrap_or(0);
                    match method {
                        "" => settings.retries = Some(retries),
                        _ => settings.method(method).retries = Some(retries),
                    }
                }
                _ => tracing::debug!("an override of {key} has no effect here"),
            }
        }
        Ok(settings)
    }

    fn method(&mut self, name: &str) -> &mut MethodSettings {
        self.methods.entry(name.to_owned()).or_default()
    }

    /// Takes over what `other` sets.
    fn update(&mut self, other: &Self) {
        self.weight = other.weight.or(self.weight);
        self.disabled = other.disabled.or(self.disabled);
        self.timeout = other.timeout.or(self.timeout);
        self.retries = other.retries.or(self.retries);
        for (name, other) in &other.methods {
            let method = self.method(name);
            method.timeout = other.timeout.or(method.timeout);
            method.retries = other.retries.or(method.retries);
        }
    }
}

/// Whose parameters an override changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Consumer,
    Provider,
}

/// A service as a consumer calls it, with the names that overrides have for it.
#[derive(Debug)]
pub(super) struct Called<'r> {
    reference: &'r Reference,
    service: String,
    rule_key: String,
}

impl<'r> Called<'r> {
    pub(super) fn new(reference: &'r Reference) -> Self {
        let (group, version) = (reference.service_group(), reference.service_version());
        Self {
            reference,
            service: service_key(reference.interface(), group, version),
            rule_key: reference.rule_key(),
        }
    }
}

/// One entry of a rule.
#[derive(Clone, Debug)]
pub(super) struct Override {
    side: Side,
    /// The applications of this side that it is for; all if empty.
    applications: Vec<String>,
    /// The keys of the services that it is for; all if empty.
    services: Vec<String>,
    /// The consumers' hosts that it is for; all if empty.
    consumers: Vec<String>,
    /// The providers' addresses that it is for; all if empty.
    providers: Vec<String>,
    /// What its providers have to have registered: parameters that begin with `~`.
    registered: Vec<(String, String)>,
    conditions: Option<Conditions>,
    settings: Settings,
}

/// The `match` of version 3.0.
#[derive(Clone, Debug)]
struct Conditions {
    address: Option<AddressMatch>,
    provider: Option<AddressMatch>,
    service: Option<Vec<TextMatch>>,
    application: Option<Vec<TextMatch>>,
    params: Vec<ParamMatch>,
}

/// Reads a rule, whose entries are in the order in which they are applied.
pub(super) fn parse(data: &[u8]) -> Result<Vec<Override>, Malformed> {
    let value = document::parse(data)?;
    let map = Map::of(&value)?;
    let enabled = map.flag("enabled", true)?;
    let key = map.text("key")?.filter(|key| !key.is_empty());
    let of_application = map.text("scope")?.as_deref() == Some("application");
    if key.is_none() && !of_application {
        return Err(invalid("the rule of a service has no key"));
    }
    let with_match = map
        .text("configVersion")?
        .is_some_and(|v| v.starts_with("v3.0"));
    let mut overrides = Vec::new();
    for item in map.maps("configs")? {
        // A weight or a disabled provider has a switch of its own.
        let on = match item.text("type")?.as_deref() {
            None | Some("general") => enabled,
            Some(_) => item.flag("enabled", false)?,
        };
        let read = Override::read(item, key.as_deref(), of_application, with_match)?;
        overrides.extend(read.filter(|_| on));
    }
    // What is for single hosts goes last, and so wins.
    overrides.sort_by_key(|entry| !(entry.consumers.is_empty() && entry.providers.is_empty()));
    Ok(overrides)
}

impl Override {
    fn read(
        item: Map<'_>,
        key: Option<&str>,
        of_application: bool,
        with_match: bool,
    ) -> Result<Option<Self>, Malformed> {
        let params = item
            .map("parameters")?
            .map(Map::entries)
            .transpose()?
            .unwrap_or_default();
        if params.is_empty() {
            return Err(invalid("an entry has no parameters"));
        }
        let side = match item.text("side")?.as_deref() {
            Some("consumer") => Side::Consumer,
            Some("provider") => Side::Provider,
            // Dubbo applies it to neither.
            _ => return Ok(None),
        };
        let any = |address: &String| address == "0.0.0.0" || address == "*";
        let mut hosts = item.texts("addresses")?;
        if hosts.iter().any(any) {
            hosts.clear();
        }
        let mut providers = item.texts("providerAddresses")?;
        if providers.iter().any(any) {
            providers.clear();
        }
        let consumers = match side {
            Side::Consumer => hosts,
            Side::Provider => {
                if providers.is_empty() {
                    providers = hosts;
                }
                Vec::new()
            }
        };
        let key = key.map(str::to_owned);
        let (mut applications, mut services) = if of_application {
            (key.into_iter().collect(), item.texts("services")?)
        } else {
            (item.texts("applications")?, key.into_iter().collect())
        };
        for names in [&mut applications, &mut services] {
            if names.iter().any(|name| name == "*") {
                names.clear();
            }
        }
        let (registered, params): (Vec<_>, Vec<_>) = params
            .into_iter()
            .partition(|(key, _)| key.starts_with('~'));
        let bare = |(key, value): (&str, String)| (key.trim_start_matches('~').to_owned(), value);
        let conditions = item.map("match")?.filter(|_| with_match);
        Ok(Some(Self {
            side,
            applications,
            services,
            consumers,
            providers,
            registered: registered.into_iter().map(bare).collect(),
            conditions: conditions.map(Conditions::read).transpose()?,
            settings: Settings::read(&params)?,
        }))
    }

    /// Adds what it sets for `provider` as `reference` calls it.
    pub(super) fn apply(
        &self,
        side: Side,
        called: &Called<'_>,
        provider: &ProviderEntry,
        to: &mut Settings,
    ) {
        let reference = called.reference;
        let application = match self.side {
            Side::Consumer => reference.calling_application(),
            Side::Provider => &provider.application,
        };
        let is_for =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
        let at = |address: &String| is_address(address, &provider.host, provider.port);
        let hit = side == self.side
            && is_for(&self.applications, application)
            && (is_for(&self.services, &called.service)
                || is_for(&self.services, &called.rule_key))
            && is_for(&self.consumers, reference.calling_host())
            && (self.providers.is_empty() || self.providers.iter().any(at))
            && self
                .registered
                .iter()
                .all(|(key, value)| value == "*" || provider.params.get(key) == Some(value))
            && self.conditions.as_ref().is_none_or(|conditions| {
                let host = match self.side {
                    Side::Consumer => reference.calling_host(),
                    Side::Provider => &provider.host,
                };
                conditions.match_(host, application, &called.service, provider)
            });
        if hit {
            to.update(&self.settings);
        }
    }
}

impl Conditions {
    fn read(map: Map<'_>) -> Result<Self, Malformed> {
        let address = |name| map.map(name)?.map(AddressMatch::read).transpose();
        let one_of = |name| {
            let read = |map: Map<'_>| {
                map.maps("oneof")?
                    .into_iter()
                    .map(TextMatch::read)
                    .collect()
            };
            map.map(name)?.map(read).transpose()
        };
        Ok(Self {
            address: address("address")?,
            provider: address("providerAddress")?,
            service: one_of("service")?,
            application: one_of("app")?,
            params: ParamMatch::read_all(map, "param")?,
        })
    }

    fn match_(
        &self,
        host: &str,
        application: &str,
        service: &str,
        provider: &ProviderEntry,
    ) -> bool {
        let one_of = |texts: &Option<Vec<TextMatch>>, text: &str| {
            let texts = texts.as_ref();
            texts.is_none_or(|texts| texts.iter().any(|wanted| wanted.matches(Some(text))))
        };
        let value_of = |key: &str| provider.params.get(key).map(String::as_str);
        let at_provider = |a: &AddressMatch| a.matches(&provider.host, Some(provider.port));
        self.address
            .as_ref()
            .is_none_or(|address| address.matches(host, None))
            && self.provider.as_ref().is_none_or(at_provider)
            && one_of(&self.service, service)
            && one_of(&self.application, application)
            && self.params.iter().all(|param| param.matches(value_of))
    }
}
