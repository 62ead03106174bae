//! The consumer: a tower service under generated clients, that finds, balances and fails over.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use derive_setters::Setters;
use dubbo_registry::{Reference, Registry};
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use metrics_core::{ConsumerLayer, ErrorsAreUnknown, Measure, Metrics};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::header;
use crate::runtime::Workers;
use crate::tls::ConsumerTls;

mod attempt;
mod balance;
mod clock;
mod connection;
mod context;
mod direct;
mod directory;
mod ejection;
mod ejector;
mod endpoint;
mod failover;
mod future;
mod listing;
mod metadata;
mod method;
mod replay;
mod retry;
mod roster;
mod routes;
mod selection;
mod standing;
mod subset;
mod throttle;

pub use balance::{LoadBalance, UnknownLoadBalance};
pub use future::{ConsumerBody, ConsumerFuture};
pub use metadata::RpcMetadata;
pub use method::{MethodOptions, MethodTable};

use clock::Clock;
use context::ConsumerContext;
use direct::Targets;
use directory::{Directory, Followed};
use ejector::Ejector;
use endpoint::{EndpointContext, Layout};
use failover::Failover;
use selection::Selection;

/// How a consumer calls.
#[derive(Clone, Debug, Setters)]
#[setters(strip_option)]
#[non_exhaustive]
pub struct ConsumerOptions {
    /// How long one attempt may take, from its start to its last byte; of a stream, until its head comes. `Duration::MAX` for no limit. A
    /// caller's own deadline (`grpc-timeout`) takes its place.
    pub timeout: Duration,
    /// How many further attempts a call may make after its first.
    pub retries: usize,
    /// How the provider of an attempt is chosen.
    pub balance: LoadBalance,
    /// Connections to each provider for each thread of the workers, as far as [`max_connections`](Self::max_connections) goes; at least 1.
    pub connections: usize,
    /// The most connections to each provider, shared by all threads; [`connections`](Self::connections) are had in any case.
    pub max_connections: usize,
    /// How many providers are connected to and called where more than twice as many are listed: the same ones as long as they are there,
    /// with others in place of those that fail. Consumers are spread evenly over all providers. Zero for all of them, always.
    pub subset: usize,
    /// How long a provider has no call before its connections end; the next call makes them anew. Zero for never.
    pub idle_timeout: Duration,
    /// How long a provider may be silent while calls wait for it before it is pinged; zero for never. Pings become rarer while
    /// calls wait for long, so that no gRPC server ends a connection because of them.
    pub keepalive_interval: Duration,
    /// How long a provider may take to answer a ping before its connection is given up.
    pub keepalive_timeout: Duration,
    /// What is known of single methods, and asked for them.
    pub methods: MethodTable,
    /// The application that calls, which each call tells its provider; untold by default.
    #[setters(into)]
    pub application: Option<String>,
    /// What connections are encrypted with, and never made without; nothing by default.
    pub tls: Option<ConsumerTls>,
    /// The host that calls, for the rules of operators that name consumers by their address; untold by default.
    #[setters(into)]
    pub host: Option<String>,
    /// Whether the registry lists the consumer, as Dubbo Admin shows it. It needs [`host`](Self::host).
    pub registered: bool,
    /// The tag of calls that carry none in their header `dubbo.tag`; none by default. Providers with a tag get only calls that carry it.
    #[setters(into)]
    pub tag: Option<String>,
    /// Where calls are measured; nowhere by default.
    pub metrics: Option<ConsumerMetrics>,
}

/// Where a consumer's calls are measured, and which methods are there with zeros before their first call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsumerMetrics {
    /// The metrics of the process.
    pub metrics: Metrics,
    /// The methods of the service.
    pub methods: Vec<String>,
}

impl ConsumerMetrics {
    /// Measures in these metrics; the methods are there from the start.
    pub fn new(metrics: Metrics, methods: impl IntoIterator<Item: Into<String>>) -> Self {
        let methods = methods.into_iter().map(Into::into).collect();
        Self { metrics, methods }
    }

    fn service(&self, reference: &Reference) -> metrics_core::KnownService {
        let methods = self.methods.iter().map(String::as_str);
        metrics_core::KnownService::new(reference.interface(), methods)
            .group(reference.service_group())
            .version(reference.service_version())
    }
}

impl ConsumerOptions {
    /// Dubbo's own default. Longer holds callers up behind a provider that hangs; shorter gives up on slow handlers.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

    /// Dubbo's own default. More survives more failing providers in a row, and costs more in an outage.
    pub const DEFAULT_RETRIES: usize = 2;

    /// Longer finds a silent provider later; shorter asks those that are only slow.
    pub const DEFAULT_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

    /// Longer holds calls up behind a dead connection; shorter gives up on a network that loses packets.
    pub const DEFAULT_KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

    /// More spread calls over more cores of the provider; fewer cost both sides less where there are many of them.
    pub const DEFAULT_MAX_CONNECTIONS: usize = 8;

    /// A larger one spreads the calls of few consumers over more providers; a smaller one means fewer connections where there are
    /// thousands of both.
    pub const DEFAULT_SUBSET: usize = 100;

    /// Longer keeps connections that may be needed again; shorter ends them sooner, and calls wait for new ones.
    pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

    /// One HTTP/2 connection carries a thousand calls at once; more help when its one core is the bottleneck.
    pub const DEFAULT_CONNECTIONS: usize = 1;

    /// Tells the registry who calls.
    fn introduce(&self, mut reference: Reference) -> Reference {
        if let Some(application) = &self.application {
            reference = reference.application(application);
        }
        if let Some(host) = &self.host {
            reference = reference.host(host);
        }
        if let Some(tag) = &self.tag {
            reference = reference.tagged(tag);
        }
        let registered = self.registered && reference.is_registered();
        reference.registered(registered)
    }
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            timeout: Self::DEFAULT_TIMEOUT,
            retries: Self::DEFAULT_RETRIES,
            balance: LoadBalance::default(),
            connections: Self::DEFAULT_CONNECTIONS,
            max_connections: Self::DEFAULT_MAX_CONNECTIONS,
            subset: Self::DEFAULT_SUBSET,
            idle_timeout: Self::DEFAULT_IDLE_TIMEOUT,
            keepalive_interval: Self::DEFAULT_KEEPALIVE_INTERVAL,
            keepalive_timeout: Self::DEFAULT_KEEPALIVE_TIMEOUT,
            methods: MethodTable::default(),
            application: None,
            tls: None,
            host: None,
            registered: true,
            tag: None,
            metrics: None,
        }
    }
}

/// A consumer of one service: cheap to clone, and usable wherever a generated client takes a channel.
///
/// A response carries whatever went wrong as a gRPC status, so the service itself never fails.
///
/// Calls of one clone count on words of its own: callers on different cores do well to keep a clone each, instead of making one for each call.
#[derive(Clone, Debug)]
pub struct Consumer {
    calls: Calls,
    directory: Arc<Directory>,
    group: OwnHeader,
    version: OwnHeader,
    application: OwnHeader,
}

/// A header of each call. Each clone is a copy, whose count no other one writes to.
#[derive(Debug)]
struct OwnHeader(Option<HeaderValue>);

impl OwnHeader {
    /// Makes the header; none for an empty text, and for one that is no header value, which matches no provider whatever is sent.
    fn new(text: &str) -> Self {
        Self(HeaderValue::from_str(text).ok().filter(|t| !t.is_empty()))
    }
}

impl Clone for OwnHeader {
    fn clone(&self) -> Self {
        let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes());
        Self(self.0.as_ref().and_then(|value| copy(value).ok()))
    }
}

/// The way of a call: the metrics layer belongs outside failover, so that one call counts once.
#[derive(Clone, Debug)]
enum Calls {
    Plain(Failover),
    Measured(Measure<Failover, ErrorsAreUnknown>),
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
        let reference = options.introduce(reference);
        let consumer = Self::unconnected(&reference, workers, &Handle::current(), options);
        let number = registry.number(&reference);
        let list = registry.subscribe(reference.clone());
        let followed = Followed::new(&consumer.directory, reference, list, number);
        tokio::spawn(directory::keep_listed(followed));
        consumer
    }

    /// Makes a consumer that calls the provider at this `host:port`, with no registry; or those at several of them, separated by
    /// commas.
    ///
    /// A host's name stands for all its addresses. It is resolved again every half a minute and when a connection fails: providers that
    /// are new are called, those that are gone finish the calls that they have.
    ///
    /// # Errors
    ///
    /// When an address is not one that a request can name.
    pub fn direct(
        address: &str,
        reference: &Reference,
        workers: &Workers,
        options: ConsumerOptions,
    ) -> Result<Self, http::Error> {
        for address in direct::split(address) {
            connection::origin(address, options.tls.is_some())?;
        }
        let consumer = Self::unconnected(reference, workers, workers.assign(), options);
        let targets = Targets::new(address);
        if targets.has_names() {
            let directory = Arc::downgrade(&consumer.directory);
            workers
                .assign()
                .spawn(direct::keep_resolved(directory, targets));
        } else {
            consumer.directory.replace(targets.listings());
        }
        Ok(consumer)
    }

    fn unconnected(
        reference: &Reference,
        workers: &Workers,
        timers: &Handle,
        options: ConsumerOptions,
    ) -> Self {
        let service: Arc<str> = reference.to_string().into();
        let measured = options.metrics.as_ref();
        let discovery = measured.map(|measured| measured.metrics.discovery().clone());
        let context = EndpointContext {
            workers: workers.clone(),
            timers: timers.clone(),
            layout: Layout::new(
                options.connections,
                options.max_connections,
                workers.threads(),
            ),
            idle_timeout: options.idle_timeout,
            asleep: Arc::default(),
            keepalive_interval: options.keepalive_interval,
            keepalive_timeout: options.keepalive_timeout,
            tls: options.tls.clone(),
            service: Arc::clone(&service),
            changed: Arc::new(Notify::new()),
            clock: Clock::start(),
            metrics: discovery.clone(),
        };
        let clock = context.clock;
        let directory = Arc::new(Directory::new(options.subset, context));
        let layer = measured.map(|measured| {
            let discovery = measured.metrics.discovery().clone();
            directory::report(&directory, discovery, reference.interface());
            ConsumerLayer::new(&measured.metrics, &[measured.service(reference)])
        });
        let application = OwnHeader::new(options.application.as_deref().unwrap_or_default());
        let failover = Failover::new(ConsumerContext {
            service,
            selection: Selection::new(options.balance, Ejector::new(discovery)),
            clock,
            options,
            directory: Arc::clone(&directory),
            methods: layer.as_ref().map(|layer| layer.methods().clone()),
        });
        Self {
            calls: match layer {
                None => Calls::Plain(failover),
                Some(layer) => Calls::Measured(layer.layer(failover)),
            },
            directory,
            group: OwnHeader::new(reference.service_group()),
            version: OwnHeader::new(reference.service_version()),
            application,
        }
    }

    /// Waits until a provider is known and connected.
    pub async fn ready(&self) {
        self.directory.ready().await;
    }
}

impl Service<Request<Body>> for Consumer {
    type Response = Response<ConsumerBody>;
    type Error = Infallible;
    type Future = ConsumerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let headers = request.headers_mut();
        if let Some(group) = &self.group.0 {
            headers.insert(header::GROUP, group.clone());
        }
        if let Some(version) = &self.version.0 {
            headers.insert(header::VERSION, version.clone());
        }
        if let Some(application) = &self.application.0 {
            headers.insert(header::APPLICATION, application.clone());
            headers
                .entry(USER_AGENT)
                .or_insert(HeaderValue::from_static(header::USER_AGENT));
        }
        match &mut self.calls {
            Calls::Plain(failover) => ConsumerFuture::plain(failover.call(request)),
            Calls::Measured(measure) => ConsumerFuture::measured(measure.call(request)),
        }
    }
}
