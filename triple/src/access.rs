//! Who may call what: a layer that lets only listed callers through to an interface.
//!
//! It stands where every call comes by, whatever it was spoken in: gRPC, gRPC-Web and JSON, over HTTP/1.1 and HTTP/2, with any group and
//! version. What has no rule stays open.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use metrics_core::{Metrics, RegistryMetrics};
use tonic::Status;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::peer::Peer;
use crate::provider::{COMPANIONS, interface};

/// What every interface is called in a rule that is for all that have none of their own.
const ALL: &str = "*";

/// The services that stay open under a rule for all: consumers ask them what there is, and learn nothing else.
const OPEN: [&str; 2] = [COMPANIONS[0], COMPANIONS[1]];

/// The two names of reflection, which tell the same: a rule for one is for the other as well, unless that has its own.
const REFLECTION: [&str; 2] = [COMPANIONS[2], COMPANIONS[3]];

/// One caller of one interface, or of all: `INTERFACE=application:NAME`, `INTERFACE=certificate:NAME`, and the same without `INTERFACE=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// The interface; none for all that have no rule of their own.
    pub interface: Option<String>,
    /// Who may call it.
    pub caller: AllowedCaller,
}

/// A caller, by what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedCaller {
    /// One that says that it is this application, which any caller can say.
    Application(String),
    /// One whose certificate has this common name or alternative name.
    Certificate(String),
}

impl AllowedCaller {
    fn is(&self, peer: &Peer) -> bool {
        match self {
            Self::Application(name) => peer.application.as_ref() == Some(name),
            Self::Certificate(name) => peer
                .certificate
                .as_ref()
                .is_some_and(|certificate| certificate.is_named(name)),
        }
    }
}

/// Why a text is no rule.
#[derive(Debug, thiserror::Error)]
#[error("must be such as greet.GreetService=application:web or certificate:web.example")]
pub struct InvalidAccessRule;

impl FromStr for AccessRule {
    type Err = InvalidAccessRule;

    fn from_str(text: &str) -> Result<Self, InvalidAccessRule> {
        // A certificate's name may hold a `=`, an interface's none.
        let (interface, caller) = match text.split_once('=') {
            Some((interface, caller)) if !interface.contains(':') => (Some(interface), caller),
            _ => (None, text),
        };
        if interface.is_some_and(str::is_empty) {
            return Err(InvalidAccessRule);
        }
        let interface = interface.filter(|name| *name != ALL).map(str::to_owned);
        let caller = match caller.split_once(':') {
            Some((_, "")) => return Err(InvalidAccessRule),
            Some(("application", name)) => AllowedCaller::Application(name.to_owned()),
            Some(("certificate", name)) => AllowedCaller::Certificate(name.to_owned()),
            _ => return Err(InvalidAccessRule),
        };
        Ok(Self { interface, caller })
    }
}

/// Lets only listed callers through to an interface; the others get PERMISSION_DENIED. A layer for
/// [`Provider::layer`](crate::Provider::layer).
///
/// An interface with rules is open to their callers only. A rule without an interface is for all interfaces that have none of their own,
/// reflection included; health and metadata stay open unless a rule names them.
#[derive(Clone, Default)]
pub struct Access {
    rules: Arc<HashMap<String, Vec<AllowedCaller>>>,
    metrics: Option<RegistryMetrics>,
}

impl Access {
    /// Makes the layer of these rules.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = AccessRule>) -> Self {
        let mut map: HashMap<_, Vec<_>> = HashMap::new();
        for AccessRule { interface, caller } in rules {
            let interface = interface.unwrap_or_else(|| ALL.to_owned());
            map.entry(interface).or_default().push(caller);
        }
        Self {
            rules: Arc::new(map),
            metrics: None,
        }
    }

    /// Returns the interfaces that rules name, for a look at whether each is offered: a rule with a wrong name leaves the right one open.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        let names = self.rules.keys().map(String::as_str);
        names.filter(|name| *name != ALL)
    }

    /// Counts the calls that are refused (`dubbo_provider_access_denied_total`).
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        let metrics = metrics.discovery().clone();
        metrics.guarded();
        self.metrics = Some(metrics);
        self
    }

    fn admits<B>(&self, request: &Request<B>) -> Result<(), Status> {
        let name = interface(request.uri().path()).unwrap_or_default();
        let own = self.rules.get(name).or_else(|| {
            let reflection = REFLECTION.contains(&name).then_some(REFLECTION)?;
            reflection.iter().find_map(|name| self.rules.get(*name))
        });
        let rules = own.or_else(|| {
            let all = self.rules.get(ALL);
            all.filter(|_| !OPEN.contains(&name))
        });
        let Some(callers) = rules else {
            return Ok(());
        };
        let peer = Peer::of_http(request);
        if callers.iter().any(|caller| caller.is(&peer)) {
            return Ok(());
        }
        if let Some(metrics) = &self.metrics {
            metrics.access_denied();
        }
        Err(Status::permission_denied(format!(
            "this caller may not call {name}"
        )))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Access").field(&self.rules).finish()
    }
}

impl<S> Layer<S> for Access {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AccessService {
            inner,
            access: self.clone(),
        }
    }
}

/// A service behind [`Access`].
#[derive(Clone, Debug)]
pub struct AccessService<S> {
    inner: S,
    access: Access,
}

impl<S> Service<Request<Body>> for AccessService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.access.admits(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> AccessRule {
        text.parse().unwrap()
    }

    #[test]
    fn a_rule_is_read() {
        let certificate = |name: &str| AllowedCaller::Certificate(name.to_owned());
        let application = |name: &str| AllowedCaller::Application(name.to_owned());
        for (text, interface, caller) in [
            ("a.B=application:web", Some("a.B"), application("web")),
            ("*=application:web", None, application("web")),
            ("certificate:x", None, certificate("x")),
            (
                "a.B=certificate:spiffe://cluster/ns/web",
                Some("a.B"),
                certificate("spiffe://cluster/ns/web"),
            ),
            ("certificate:a=b", None, certificate("a=b")),
        ] {
            let interface = interface.map(str::to_owned);
            assert_eq!(rule(text), AccessRule { interface, caller }, "{text}");
        }
        for text in [
            "",
            "web",
            "a.B=",
            "a.B=web",
            "=application:web",
            "application:",
            "a=user:b",
        ] {
            assert!(text.parse::<AccessRule>().is_err(), "{text}");
        }
    }

    fn admitted(rules: &[&str], path: &str, application: Option<&str>) -> bool {
        let access = Access::new(rules.iter().map(|text| rule(text)));
        let mut request = Request::builder().uri(path);
        if let Some(application) = application {
            request = request.header("tri-consumer-appname", application);
        }
        access.admits(&request.body(()).unwrap()).is_ok()
    }

    #[test]
    fn an_interface_without_a_rule_is_open_and_one_with_rules_to_their_callers_only() {
        let rules = ["a.B=application:web", "a.B=application:batch"];
        for caller in ["web", "batch"] {
            assert!(admitted(&rules, "/a.B/C", Some(caller)));
        }
        for caller in [None, Some("other"), Some("Web"), Some("web "), Some("")] {
            assert!(!admitted(&rules, "/a.B/C", caller), "{caller:?}");
        }
        assert!(admitted(&rules, "/a.Other/C", None));
    }

    #[test]
    fn a_rule_for_one_name_of_reflection_is_for_both() {
        let [v1, alpha] = REFLECTION.map(|name| format!("/{name}/ServerReflectionInfo"));
        for name in REFLECTION {
            let rule = format!("{name}=application:web");
            for path in [&v1, &alpha] {
                assert!(!admitted(&[&rule], path, None), "{rule} {path}");
                assert!(admitted(&[&rule], path, Some("web")), "{rule} {path}");
            }
            assert!(admitted(&[&rule], "/a.B/C", None));
        }
        let rules = REFLECTION.map(|name| format!("{name}=application:{}", name.len()));
        let rules = [&*rules[0], &*rules[1]];
        let own = |name: &str| Some(name.len().to_string());
        for (path, name) in [(&v1, REFLECTION[0]), (&alpha, REFLECTION[1])] {
            assert!(admitted(&rules, path, own(name).as_deref()), "{path}");
            assert!(!admitted(&rules, path, Some("web")), "{path}");
        }
    }

    #[test]
    fn a_rule_for_all_covers_reflection_and_leaves_health_and_metadata() {
        let rules = ["application:web", "a.B=application:own"];
        assert!(
            !admitted(&rules, "/a.B/C", Some("web")),
            "it has a rule of its own"
        );
        assert!(admitted(&rules, "/a.B/C", Some("own")));
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        assert!(!admitted(&rules, reflection, None));
        assert!(admitted(&rules, reflection, Some("web")));
        for path in [
            "/grpc.health.v1.Health/Watch",
            "/org.apache.dubbo.metadata.MetadataServiceV2/GetMetadataInfo",
        ] {
            assert!(admitted(&rules, path, None), "{path}");
        }
        let named = ["grpc.health.v1.Health=application:web"];
        assert!(!admitted(&named, "/grpc.health.v1.Health/Check", None));
    }

    #[test]
    fn an_application_is_no_certificate() {
        assert!(!admitted(&["certificate:web"], "/a.B/C", Some("web")));
    }
}
