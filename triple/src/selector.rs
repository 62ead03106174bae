//! Honours the group and the version that a Dubbo consumer asks for.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use dubbo_registry::Reference;
use futures_util::future::Either;
use http::{HeaderMap, HeaderName, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

/// The header in which a consumer names the service's group; absent when there is none.
pub(crate) const GROUP: HeaderName = HeaderName::from_static("tri-service-group");

/// The header in which a consumer names the service's version; absent when there is none.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("tri-service-version");

/// What each interface is offered as, by the interface's name.
pub(crate) type Table = HashMap<String, Reference>;

/// A service that passes a call on only when its group and version are the provider's.
#[derive(Clone, Debug)]
pub(crate) struct Selector<S> {
    inner: S,
    table: Arc<Table>,
}

impl<S> Selector<S> {
    pub(crate) fn new(inner: S, table: Table) -> Self {
        Self {
            inner,
            table: Arc::new(table),
        }
    }

    fn refusal<B>(&self, request: &Request<B>) -> Option<Status> {
        let (interface, _) = request.uri().path().get(1..)?.split_once('/')?;
        let offered = self.table.get(interface)?;
        let headers = request.headers();
        let (group, version) = (text(headers, &GROUP), text(headers, &VERSION));
        // The wording is dubbo-go's, so that people who search for it find both.
        (!offered.matches(interface, group, version)).then(|| {
            Status::unimplemented(format!(
                "no implementation found for service group {group} and service version {version}"
            ))
        })
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

impl<S, B> Service<Request<B>> for Selector<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.refusal(&request) {
            Some(status) => Either::Left(ready(Ok(status.into_http()))),
            None => Either::Right(self.inner.call(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceExt, service_fn};

    use super::*;

    async fn code(group: Option<&str>, version: Option<&str>) -> Option<String> {
        let offered = Reference::new("greet.GreetService").unwrap();
        let offered = offered.group("blue").version("1.0.0");
        let table = HashMap::from([("greet.GreetService".to_owned(), offered)]);
        let inner = service_fn(|_: Request<()>| async { Ok(Response::new(Body::empty())) });
        let mut request = Request::builder().uri("/greet.GreetService/Greet");
        if let Some(group) = group {
            request = request.header(GROUP, group);
        }
        if let Some(version) = version {
            request = request.header(VERSION, version);
        }
        let response = Selector::new(inner, table)
            .oneshot(request.body(()).unwrap())
            .await
            .unwrap();
        let status = response.headers().get(Status::GRPC_STATUS)?;
        Some(status.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn the_right_group_and_version_pass() {
        assert_eq!(code(Some("blue"), Some("1.0.0")).await, None);
    }

    #[tokio::test]
    async fn a_wrong_or_missing_group_or_version_is_unimplemented() {
        for (group, version) in [
            (Some("green"), Some("1.0.0")),
            (Some("blue"), Some("2.0.0")),
            (None, Some("1.0.0")),
            (Some("blue"), None),
        ] {
            let code = code(group, version).await;
            assert_eq!(code.as_deref(), Some("12"), "{group:?} {version:?}");
        }
    }
}
