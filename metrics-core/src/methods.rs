//! From a request's path to its bound method.
//!
//! Hot path: one look-up in an immutable table; no lock, and no allocation once a method has been called.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use http::HeaderMap;

use crate::call::Method;
use crate::key::{KnownService, Side, UNKNOWN_METHOD};
use crate::metrics::Metrics;

const GROUP: &str = "tri-service-group";
const VERSION: &str = "tri-service-version";

/// The methods of some services, each bound to its series, found by the path of a request. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Methods(Arc<Table>);

#[derive(Debug)]
struct Table {
    metrics: Metrics,
    side: Side,
    /// By path, `/<interface>/<method>`.
    ///
    /// Requests cannot add to it, so that a fast hash does, where the standard one took more than any other part of a measured call.
    paths: HashMap<Box<str>, Variants<Method>, RandomState>,
    /// By interface: what counts its unknown methods.
    unknown: HashMap<Box<str>, Variants<Unknown>>,
}

/// What a path means for each group and version of its service. There is nearly always one, and then the headers are not read.
#[derive(Debug)]
struct Variants<T>(Vec<(Arc<str>, Arc<str>, T)>);

#[derive(Debug)]
struct Unknown {
    service: KnownService,
    method: OnceLock<Method>,
}

impl Methods {
    /// Binds every method of the services on one side, so that each has its series, with zeros, from now on.
    pub(crate) fn new(metrics: &Metrics, side: Side, services: &[KnownService]) -> Self {
        let mut paths = HashMap::<Box<str>, Variants<Method>, RandomState>::default();
        let mut unknown = HashMap::<Box<str>, Variants<Unknown>>::new();
        for service in services {
            for method in &service.methods {
                let bound = metrics.method(side, &service.key(method));
                let path = format!("/{}/{method}", service.interface).into();
                paths.entry(path).or_default().0.push((
                    service.group.clone(),
                    service.version.clone(),
                    bound,
                ));
            }
            let nameless = Unknown {
                service: KnownService {
                    methods: Vec::new(),
                    ..service.clone()
                },
                method: OnceLock::new(),
            };
            let interface = (*service.interface).into();
            unknown.entry(interface).or_default().0.push((
                service.group.clone(),
                service.version.clone(),
                nameless,
            ));
        }
        Self(Arc::new(Table {
            metrics: metrics.clone(),
            side,
            paths,
            unknown,
        }))
    }

    /// Returns the method that a request with this path and these headers calls, or none when its interface is not one of the services.
    ///
    /// A method that its interface does not have is counted as `method="unknown"`. Where a service is known with several groups or
    /// versions, the headers `tri-service-group` and `tri-service-version` choose, and the first one is taken when none matches.
    #[inline]
    pub fn find(&self, path: &str, headers: &HeaderMap) -> Option<&Method> {
        match self.0.paths.get(path) {
            Some(variants) => Some(variants.choose(headers)),
            None => self.find_unknown(path, headers),
        }
    }

    fn find_unknown(&self, path: &str, headers: &HeaderMap) -> Option<&Method> {
        let (interface, _) = path.strip_prefix('/')?.rsplit_once('/')?;
        let unknown = self.0.unknown.get(interface)?.choose(headers);
        let Table { metrics, side, .. } = &*self.0;
        Some(
            unknown
                .method
                .get_or_init(|| metrics.shared_method(*side, &unknown.service.key(UNKNOWN_METHOD))),
        )
    }
}

impl<T> Default for Variants<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Variants<T> {
    #[inline]
    fn choose(&self, headers: &HeaderMap) -> &T {
        match &*self.0 {
            [(_, _, only)] => only,
            several => {
                let wanted = |name| {
                    headers
                        .get(name)
                        .map_or(&b""[..], http::HeaderValue::as_bytes)
                };
                let (group, version) = (wanted(GROUP), wanted(VERSION));
                let found = several
                    .iter()
                    .find(|(g, v, _)| g.as_bytes() == group && v.as_bytes() == version);
                &found.unwrap_or(&several[0]).2
            }
        }
    }
}
