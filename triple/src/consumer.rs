//! The consumer: a tower service under generated clients, that finds, balances and fails over.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dubbo_registry::{Provider, Reference, Registry};
use http::{HeaderValue, Request, Response};
use tokio::sync::Notify;
use tonic::body::Body;
use tower_service::Service;

use crate::runtime::Workers;
use crate::selector;

mod attempt;
mod balance;
mod connection;
mod directory;
mod endpoint;
mod failover;
mod metadata;
mod replay;
mod throttle;

pub use attempt::AttemptBody;
pub use balance::{LoadBalance, UnknownLoadBalance};
pub use metadata::RpcMetadata;

use balance::Balancer;
use directory::Directory;
use endpoint::{Endpoint, Surroundings};
use throttle::Throttle;

/// How a consumer calls.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// How long one attempt may take, from its start to its last byte.
    pub timeout: Duration,
    /// How many further attempts a call may make after its first.
    pub retries: usize,
    /// How the provider of an attempt is chosen.
    pub balance: LoadBalance,
    /// Connections to each provider, on each worker that has connections of its own; at least 1.
    pub connections: usize,
}

impl ConsumerOptions {
    /// Dubbo's own default. Longer holds callers up behind a provider that hangs; shorter gives up on slow handlers.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

    /// Dubbo's own default. More survives more failing providers in a row, and costs more in an outage.
    pub const DEFAULT_RETRIES: usize = 2;

    /// One HTTP/2 connection carries a thousand calls at once; more help when its one core is the bottleneck.
    pub const DEFAULT_CONNECTIONS: usize = 1;
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            timeout: Self::DEFAULT_TIMEOUT,
            retries: Self::DEFAULT_RETRIES,
            balance: LoadBalance::default(),
            connections: Self::DEFAULT_CONNECTIONS,
        }
    }
}

/// What the clones of a consumer share.
#[derive(Debug)]
struct Shared {
    service: Arc<str>,
    options: ConsumerOptions,
    balancer: Balancer,
    throttle: Throttle,
    directory: Arc<Directory>,
}

impl Shared {
    /// Looks after an endpoint that let a call time out.
    fn probe(&self, endpoint: &Arc<Endpoint>) {
        let surroundings = self.directory.surroundings().clone();
        tokio::spawn(Arc::clone(endpoint).probe(surroundings));
    }
}

/// A consumer of one service: cheap to clone, and usable wherever a generated client takes a channel.
///
/// A response carries whatever went wrong as a gRPC status, so the service itself never fails.
#[derive(Clone, Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    endpoints: Arc<[Arc<Endpoint>]>,
    version: u64,
    group: Option<HeaderValue>,
    service_version: Option<HeaderValue>,
}

impl Consumer {
    /// Makes a consumer of the service that the registry's providers offer. Its connections live on the workers.
    ///
    /// It follows the registry on the runtime that this is called on, until the last clone is dropped.
    #[must_use]
    pub fn new(
        registry: &dyn Registry,
        reference: Reference,
        workers: &Workers,
        options: ConsumerOptions,
    ) -> Self {
        let consumer = Self::unconnected(&reference, workers, options);
        let subscription = registry.subscribe(reference);
        tokio::spawn(directory::follow(
            Arc::downgrade(&consumer.shared.directory),
            subscription,
        ));
        consumer
    }

    /// Makes a consumer that calls the given providers, with no registry.
    #[must_use]
    pub fn direct(
        providers: &[Provider],
        reference: &Reference,
        workers: &Workers,
        options: ConsumerOptions,
    ) -> Self {
        let consumer = Self::unconnected(reference, workers, options);
        consumer.shared.directory.replace(providers);
        consumer
    }

    fn unconnected(reference: &Reference, workers: &Workers, options: ConsumerOptions) -> Self {
        let service: Arc<str> = reference.to_string().into();
        let surroundings = Surroundings {
            workers: workers.clone(),
            service: Arc::clone(&service),
            changed: Arc::new(Notify::new()),
        };
        let directory = Arc::new(Directory::new(options.connections.max(1), surroundings));
        // A name that is no header value matches no provider, whatever is sent.
        let header = |text: &str| {
            (!text.is_empty())
                .then(|| HeaderValue::from_str(text).ok())
                .flatten()
        };
        Self {
            endpoints: directory.endpoints(),
            version: directory.version(),
            group: header(reference.service_group()),
            service_version: header(reference.service_version()),
            shared: Arc::new(Shared {
                service,
                balancer: Balancer::new(options.balance),
                throttle: Throttle::default(),
                options,
                directory,
            }),
        }
    }

    /// Waits until a provider is known and connected.
    pub async fn ready(&self) {
        loop {
            let changed = self.shared.directory.changed();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.shared.directory.endpoints().iter().any(|e| e.is_fit()) {
                return;
            }
            changed.await;
        }
    }

    /// Takes over the directory's list when it has changed; otherwise this costs one load.
    fn refresh(&mut self) {
        let version = self.shared.directory.version();
        if version != self.version {
            self.endpoints = self.shared.directory.endpoints();
            self.version = version;
        }
    }
}

impl Service<Request<Body>> for Consumer {
    type Response = Response<AttemptBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        self.refresh();
        let headers = request.headers_mut();
        if let Some(group) = &self.group {
            headers.insert(selector::GROUP, group.clone());
        }
        if let Some(version) = &self.service_version {
            headers.insert(selector::VERSION, version.clone());
        }
        let call = failover::call(
            Arc::clone(&self.shared),
            Arc::clone(&self.endpoints),
            request,
        );
        Box::pin(async move { Ok(call.await) })
    }
}
