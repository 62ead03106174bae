//! From a request's path to the service that answers it, by the group and the version that the consumer asks for.
//!
//! Hot path: one look-up, and the two headers only where a service has a group or version or is asked for one. tonic's own
//! routes go through axum, which boxes each body twice more and shares counts between all cores.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::task::{Context, Poll};

use bytes::Bytes;
use dubbo_registry::Reference;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body::Body as HttpBody;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use super::offered::Offered;
use crate::header::{self, GROUP, VERSION};

/// The services of a provider, by interface. A clone shares nothing that calls write to, so each connection has its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes {
    offers: HashMap<&'static str, Vec<Offer>>,
}

/// One service, and under which group and version; whatever is asked for when that is nothing.
#[derive(Clone, Debug)]
struct Offer {
    reference: Option<Reference>,
    service: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
}

impl Routes {
    /// Adds a service that answers only when its group and version are asked for.
    pub(super) fn offer<S, B>(&mut self, reference: Reference, service: S)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.add(Some(reference), service);
    }

    /// Adds a service that answers whatever group and version are asked for.
    pub(super) fn companion<S, B>(&mut self, service: S)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.add(None, service);
    }

    /// Returns what is offered to consumers, companions left out.
    pub(super) fn references(&self) -> impl Iterator<Item = &Reference> {
        let offers = self.offers.values().flatten();
        offers.filter_map(|offer| offer.reference.as_ref())
    }

    fn add<S, B>(&mut self, reference: Option<Reference>, service: S)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.offers.entry(S::NAME).or_default().push(Offer {
            reference,
            service: BoxCloneSyncService::new(Offered(service)),
        });
    }

    /// Returns the service that a request is for.
    fn find<B>(&mut self, request: &Request<B>) -> Result<&mut Offer, Status> {
        let path = request.uri().path();
        let offers = interface(path).and_then(|interface| self.offers.get_mut(interface));
        let Some(offers) = offers else {
            return Err(Status::unimplemented(format!("nothing answers {path}")));
        };
        let headers = request.headers();
        let found = offers.iter_mut().find(|offer| offer.answers(headers));
        // The wording is dubbo-go's, so that people who search for it find both.
        found.ok_or_else(|| {
            Status::unimplemented(format!(
                "no implementation found for service group {} and service version {}",
                text(headers, &GROUP),
                text(headers, &VERSION)
            ))
        })
    }
}

impl Offer {
    fn answers(&self, headers: &HeaderMap) -> bool {
        self.reference.as_ref().is_none_or(|offered| {
            let (group, version) = (text(headers, &GROUP), text(headers, &VERSION));
            offered.matches(offered.interface(), group, version)
        })
    }
}

/// Returns the interface in the path of a request, `/interface/method`.
pub(crate) fn interface(path: &str) -> Option<&str> {
    let (interface, _) = path.get(1..)?.split_once('/')?;
    Some(interface)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    header::find(headers, name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

type Answer = Result<Response<Body>, Infallible>;

impl<B> Service<Request<B>> for Routes
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.find(&request) {
            // Generated services are ready at any time.
            Ok(offer) => offer.service.call(request.map(Body::new)),
            Err(status) => Box::pin(ready(Ok(status.into_http()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Ready;

    use tower::ServiceExt;

    use super::*;

    /// Answers with its own name in a header.
    #[derive(Clone)]
    struct Named(&'static str);

    impl NamedService for Named {
        const NAME: &'static str = "greet.GreetService";
    }

    impl Service<Request<Body>> for Named {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Answer>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            let mut response = Response::new(Body::empty());
            response
                .headers_mut()
                .insert("name", self.0.parse().unwrap());
            ready(Ok(response))
        }
    }

    fn greeter(group: &str, version: &str) -> Reference {
        let reference = Reference::new(Named::NAME).unwrap();
        reference.group(group).version(version)
    }

    async fn answer(routes: &Routes, path: &str, group: &str, version: &str) -> Response<Body> {
        let mut request = Request::builder().uri(path);
        for (name, value) in [(GROUP, group), (VERSION, version)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let request = request.body(Body::empty()).unwrap();
        routes.clone().oneshot(request).await.unwrap()
    }

    const GREET: &str = "/greet.GreetService/Greet";

    #[tokio::test]
    async fn the_offer_of_the_right_group_and_version_answers() {
        let mut routes = Routes::default();
        routes.offer(greeter("blue", "1.0.0"), Named("blue"));
        routes.offer(greeter("green", "1.0.0"), Named("green"));
        for group in ["blue", "green"] {
            let response = answer(&routes, GREET, group, "1.0.0").await;
            assert_eq!(response.headers()["name"], group);
        }
    }

    #[tokio::test]
    async fn a_wrong_or_missing_group_or_version_is_unimplemented() {
        let mut routes = Routes::default();
        routes.offer(greeter("blue", "1.0.0"), Named("blue"));
        for (group, version) in [
            ("green", "1.0.0"),
            ("blue", "2.0.0"),
            ("", "1.0.0"),
            ("blue", ""),
        ] {
            let response = answer(&routes, GREET, group, version).await;
            assert_eq!(
                response.headers()[Status::GRPC_STATUS],
                "12",
                "{group:?} {version:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_companion_answers_whatever_group_and_version_are_asked_for() {
        let mut routes = Routes::default();
        routes.companion(Named("metadata"));
        let response = answer(&routes, GREET, "application", "2.0.0").await;
        assert_eq!(response.headers()["name"], "metadata");
    }

    #[tokio::test]
    async fn a_path_that_nothing_answers_is_unimplemented() {
        let mut routes = Routes::default();
        routes.companion(Named("metadata"));
        for path in ["/", "/greet.GreetService", "/greet.Unknown/Greet", "*"] {
            let response = answer(&routes, path, "", "").await;
            assert_eq!(response.headers()[Status::GRPC_STATUS], "12", "{path}");
        }
    }
}
