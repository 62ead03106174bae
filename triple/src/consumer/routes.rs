//! Where the calls of a consumer may go: its endpoints, and the rules of operators for them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use dubbo_registry::{Call, ProviderEntry, Reference, Router, Rules, Settings};
use http::request::Parts;

use super::endpoint::Endpoint;

/// A list of endpoints with its rules; as cheap as the list where there are none.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    endpoints: Arc<[Arc<Endpoint>]>,
    router: Router,
    /// The endpoints of a call that says nothing about its way.
    usual: Arc<[Arc<Endpoint>]>,
    limits: Option<Box<Overridden>>,
}

/// What rules say about the time and the retries of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Overridden {
    service: CallLimits,
    methods: BTreeMap<String, CallLimits>,
}

/// What a rule says about a call; `None` for what it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallLimits {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<usize>,
}

impl Routes {
    /// Sends every call to these endpoints.
    pub(crate) fn to(endpoints: Arc<[Arc<Endpoint>]>) -> Self {
        Self {
            usual: Arc::clone(&endpoints),
            endpoints,
            ..Self::default()
        }
    }

    /// Sends calls by rules. The endpoints are those of some of `providers`, whose settings are `settings`.
    pub(crate) fn ruled(
        endpoints: Arc<[Arc<Endpoint>]>,
        reference: &Reference,
        providers: &[ProviderEntry],
        rules: &Rules,
        settings: &[Settings],
    ) -> Self {
        let by_address: HashMap<String, &ProviderEntry> =
            providers.iter().map(|p| (p.address(), p)).collect();
        // Every endpoint was made for a provider.
        let providers: Vec<&ProviderEntry> = endpoints
            .iter()
            .filter_map(|endpoint| by_address.get(endpoint.address()).copied())
            .collect();
        let mut routes = Self {
            router: Router::new(rules, reference, &providers),
            limits: Overridden::common(settings).map(Box::new),
            ..Self::to(endpoints)
        };
        let none = |_: &str| None;
        routes.usual = routes.choose(&Call {
            method: "",
            attachments: &none,
        });
        routes
    }

    /// Returns all endpoints.
    pub(crate) fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.endpoints)
    }

    /// Returns the endpoints that a call may go to.
    pub(crate) fn of(&self, head: &Parts) -> Chosen<'_> {
        if !self
            .router
            .looks_at(|name| head.headers.keys().any(|found| found == name))
        {
            return Chosen::Usual(&self.usual);
        }
        Chosen::ByRules(self.choose(&Call {
            method: method(head),
            attachments: &|name| head.headers.get(name)?.to_str().ok(),
        }))
    }

    fn choose(&self, call: &Call<'_>) -> Arc<[Arc<Endpoint>]> {
        let places = self.router.route(call);
        if places.len() == self.endpoints.len() {
            return self.endpoints();
        }
        let chosen = places
            .into_iter()
            .filter_map(|place| self.endpoints.get(place));
        chosen.cloned().collect()
    }

    /// Returns what rules say about a method, and about all methods.
    pub(crate) fn limits(&self, head: &Parts) -> (CallLimits, CallLimits) {
        let Some(limits) = &self.limits else {
            return Default::default();
        };
        let method = limits.methods.get(method(head));
        (method.copied().unwrap_or_default(), limits.service)
    }
}

/// The endpoints that one call may go to: as a rule those of all calls, which then count on nothing that calls share.
#[derive(Debug)]
pub(crate) enum Chosen<'r> {
    Usual(&'r [Arc<Endpoint>]),
    ByRules(Arc<[Arc<Endpoint>]>),
}

impl Deref for Chosen<'_> {
    type Target = [Arc<Endpoint>];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Usual(endpoints) => endpoints,
            Self::ByRules(endpoints) => endpoints,
        }
    }
}

fn method(head: &Parts) -> &str {
    let path = head.uri.path();
    path.rsplit_once('/').map_or(path, |(_, method)| method)
}

impl Overridden {
    /// Returns what rules say about calls of all these providers: what is said of some of them only does not count, because the time of
    /// a call and its retries are those of the consumer.
    fn common(settings: &[Settings]) -> Option<Self> {
        let mut all = settings.iter().map(Self::of);
        let first = all.next()?;
        (first != Self::default() && all.all(|other| other == first)).then_some(first)
    }

    fn of(settings: &Settings) -> Self {
        let methods = settings.methods.iter().map(|(name, of)| {
            let limits = CallLimits {
                timeout: of.timeout,
                retries: of.retries,
            };
            (name.clone(), limits)
        });
        Self {
            service: CallLimits {
                timeout: settings.timeout,
                retries: settings.retries,
            },
            methods: methods.collect(),
        }
    }
}
