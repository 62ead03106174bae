//! Layers around all services of a provider, and services that are made of several.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either};
use http::{Request, Response};
use http_body::Body as HttpBody;
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;
use tower_service::Service;

use super::routes::Routes;

/// The services of a provider, as layers see them.
pub type Services = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The layers of a provider, the outermost one first.
#[derive(Default)]
pub(super) struct Layers(Vec<Box<dyn Fn(Services) -> Services + Send>>);

impl Layers {
    /// Adds a layer inside of those that are there already.
    pub(super) fn add<L, B>(&mut self, layer: L)
    where
        L: Layer<Services> + Send + 'static,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<Box<dyn Error + Send + Sync>>,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.0.push(Box::new(move |services| {
            let layered = layer.layer(services);
            BoxCloneSyncService::new(Recovered(layered))
        }));
    }

    /// Puts the layers around the services.
    pub(super) fn around(self, routes: Routes) -> Layered {
        if self.0.is_empty() {
            return Layered::Bare(routes);
        }
        let services = self.0.into_iter().rev();
        Layered::Within(
            services.fold(BoxCloneSyncService::new(routes), |services, layer| {
                layer(services)
            }),
        )
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layers").field(&self.0.len()).finish()
    }
}

/// The services of a provider, within layers where it has any.
#[derive(Clone, Debug)]
pub(super) enum Layered {
    Bare(Routes),
    Within(Services),
}

impl<Q> Service<Request<Q>> for Layered
where
    Q: HttpBody<Data = Bytes> + Send + 'static,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Routes as Service<Request<Q>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Layers are asked right before each call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        match self {
            Self::Bare(routes) => routes.call(request),
            Self::Within(services) => services.call(request.map(Body::new)),
        }
    }
}

/// A layered service: asked whether it is ready before each call, with errors that are statuses.
#[derive(Clone)]
struct Recovered<S>(S);

impl<S, B> Service<Request<Body>> for Recovered<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Calls that wait for a thread are there for a layer that counts them: it is called where the head is read.
        let mut service = self.0.clone();
        let call = match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Either::Left(service.call(request)),
            // Not the one that has been asked: it may stand in line, and nothing wakes it.
            Poll::Ready(Err(_)) | Poll::Pending => Either::Right(self.0.clone().oneshot(request)),
        };
        Box::pin(async move {
            Ok(match call.await {
                Ok(response) => response.map(Body::new),
                Err(error) => Status::from_error(error.into()).into_http(),
            })
        })
    }
}
