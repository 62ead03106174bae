//! The provider: tonic services on one port, with everything that Dubbo consumers expect beside them.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use credentials::ServerTls;
use dubbo_registry::{DEFAULT_WARMUP, DEFAULT_WEIGHT, Reference, RegisterMode, ServiceInfo};
use http::{Request, Response};
use http_body::Body as HttpBody;
use metrics_core::{Metrics, ProviderLayer};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::NamedService;
use tower_layer::Layer;
use tower_service::Service;

use crate::pb;
use crate::pb::metadata_service_v2_server::MetadataServiceV2Server;
use crate::runtime::Workers;

mod compression;
mod descriptor;
mod dispatch;
mod handler;
mod health;
mod layers;
mod listener;
mod metadata;
mod offered;
mod protocol;
mod received;
mod routes;
mod serving;

pub use descriptor::DescriptorError;
pub(crate) use descriptor::methods as described_methods;
pub use layers::Services;
use serving::Announced;
pub use serving::{ServeError, Serving};

use dispatch::{Dispatch, Meter};
use handler::Handlers;
use health::Health;
use layers::Layers;
use listener::{Connections, Terms};
use metadata::Metadata;
use protocol::{Methods, Protocols};
use routes::Routes;
pub(crate) use routes::interface;

/// A provider that is being put together.
#[derive(Debug)]
pub struct Provider {
    application: String,
    routes: Routes,
    services: Vec<ServiceInfo>,
    descriptors: Vec<&'static [u8]>,
    methods: Methods,
    layers: Layers,
    unpacked_limit: usize,
    metrics: Option<Metrics>,
    weight: u32,
    warmup: Duration,
    tag: String,
    register_mode: RegisterMode,
    terms: Terms,
    reflection: bool,
    /// What the polls of handlers are measured with.
    meter: Meter,
}

impl Provider {
    /// tonic's own limit for a message. A larger one costs memory with each compressed call, a smaller one refuses more.
    pub const DEFAULT_UNPACKED_LIMIT: usize = 4 * 1024 * 1024;

    /// Enough for a consumer of many callers. A larger number lets one connection take more of the provider, a smaller one asks for more
    /// connections.
    pub const DEFAULT_CALLS_PER_CONNECTION: u32 = 1024;

    /// Begins a provider of this application, with no service yet.
    #[must_use]
    pub fn new(application: impl Into<String>) -> Self {
        Self {
            application: application.into(),
            routes: Routes::default(),
            services: Vec::new(),
            descriptors: Vec::new(),
            methods: Methods::default(),
            layers: Layers::default(),
            unpacked_limit: Self::DEFAULT_UNPACKED_LIMIT,
            metrics: None,
            weight: DEFAULT_WEIGHT,
            warmup: DEFAULT_WARMUP,
            tag: String::new(),
            register_mode: RegisterMode::default(),
            terms: Terms::new(Self::DEFAULT_CALLS_PER_CONNECTION),
            reflection: true,
            meter: Meter::new(),
        }
    }

    /// Adds a generated service under no group and no version, with the file descriptor set that it was generated from.
    ///
    /// # Errors
    ///
    /// When the set does not describe the service.
    pub fn service<S, B>(
        self,
        service: S,
        descriptors: &'static [u8],
    ) -> Result<Self, DescriptorError>
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.service_of(service, descriptors, "", "")
    }

    /// Adds a generated service under a group and a version, either of which may be empty.
    ///
    /// # Errors
    ///
    /// When the set does not describe the service.
    pub fn service_of<S, B>(
        mut self,
        service: S,
        descriptors: &'static [u8],
        group: &str,
        version: &str,
    ) -> Result<Self, DescriptorError>
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let methods = descriptor::methods(descriptors, S::NAME)?;
        self.services.push(ServiceInfo {
            interface: S::NAME.to_owned(),
            group: group.to_owned(),
            version: version.to_owned(),
            methods: methods
                .iter()
                .map(|method| method.name().to_owned())
                .collect(),
            ..ServiceInfo::default()
        });
        methods
            .into_iter()
            .for_each(|method| self.methods.add(method));
        if !self.descriptors.contains(&descriptors) {
            self.descriptors.push(descriptors);
        }
        let reference = Reference::new(S::NAME)?.group(group).version(version);
        self.routes.offer(reference, service);
        Ok(self)
    }

    /// Puts a layer around all services, inside of measuring and of deadlines: what it answers is counted, and ends in time. The layer
    /// that is added first is the outermost one, as on tonic's server. An error of the layered service is answered as its status.
    #[must_use]
    pub fn layer<L, B>(mut self, layer: L) -> Self
    where
        L: Layer<Services> + Send + 'static,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<Box<dyn Error + Send + Sync>>,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.layers.add(layer);
        self
    }

    /// Sets how long a compressed message may be when it is unpacked, in bytes: [`Self::DEFAULT_UNPACKED_LIMIT`] otherwise. A service that
    /// takes larger messages (`max_decoding_message_size`) wants the same here.
    #[must_use]
    pub fn unpacked_limit(mut self, bytes: usize) -> Self {
        self.unpacked_limit = bytes;
        self
    }

    /// Measures the calls of the services that are added; without this nothing is measured.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Sets the share of the calls beside other providers' weights, Dubbo's default of 100 without this; 0 asks consumers for
    /// no calls as long as others are there.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets how long after its start consumers call it less than its weight says, Dubbo's ten minutes without this; none for its whole
    /// weight at once.
    #[must_use]
    pub fn warmup(mut self, warmup: Duration) -> Self {
        self.warmup = warmup;
        self
    }

    /// Sets the provider's tag (`dubbo.tag`), none without this: consumers send it only calls that carry the same tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }

    /// Sets which of Dubbo's two registrations are made, both without this.
    #[must_use]
    pub fn register_mode(mut self, mode: RegisterMode) -> Self {
        self.register_mode = mode;
        self
    }

    /// Tells each connection to go away when it reaches this age, give or take a tenth, so that consumers behind one address spread
    /// over providers that come later; without this connections live as long as their consumers want. Calls under way may end.
    #[must_use]
    pub fn max_connection_age(mut self, age: Duration) -> Self {
        self.terms.most_age = Some(age);
        self
    }

    /// Speaks TLS on the port, and nothing else; without this the port speaks none. Consumers are told so (`ssl-enabled`).
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.terms.tls = Some(tls);
        self
    }

    /// Sets how many calls may be in flight on one connection, [`Self::DEFAULT_CALLS_PER_CONNECTION`] without this; more of them wait in
    /// the consumer.
    #[must_use]
    pub fn calls_per_connection(mut self, calls: u32) -> Self {
        self.terms.streams = calls;
        self
    }

    /// Sets whether the reflection service is offered, which tells what services, methods and messages there are; it is without this.
    #[must_use]
    pub fn reflection(mut self, offered: bool) -> Self {
        self.reflection = offered;
        self
    }

    #[cfg(test)]
    fn meter(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// Starts to serve on the listener; connections are accepted on the runtime that this is called on, and dealt to the
    /// workers.
    ///
    /// # Errors
    ///
    /// When the listener has no address, or reflection cannot use the descriptors.
    pub async fn serve(
        mut self,
        listener: TcpListener,
        workers: &Workers,
    ) -> Result<Serving, ServeError> {
        let address = listener.local_addr()?;
        let metadata = Metadata::default();
        let names = self.routes.references().map(Reference::to_string).collect();
        let health = Health::serving(names).await;
        self.add_companions(&health, &metadata)?;
        let service = Handlers::new(self.layers.around(self.routes));
        if self.terms.tls.is_some() {
            announce_tls(&mut self.services);
        }
        if let Some(pool) = workers.pool()? {
            let dispatch = Dispatch::new(self.methods.paths(), workers.len(), pool, self.meter);
            self.terms.dispatch = Some(Arc::new(dispatch));
        }
        let workers = workers.clone();
        let (methods, limit) = (self.methods, self.unpacked_limit);
        let connections = match &self.metrics {
            Some(metrics) => {
                let layer = ProviderLayer::new(metrics, &measured(&self.services));
                let service = Protocols::new(layer.layer(service), methods, limit);
                Connections::accept(listener, workers, service, self.terms)
            }
            None => {
                let service = Protocols::new(service, methods, limit);
                Connections::accept(listener, workers, service, self.terms)
            }
        };
        Ok(Serving {
            application: self.application,
            services: self.services,
            weight: self.weight,
            warmup: self.warmup,
            tag: self.tag,
            register_mode: self.register_mode,
            address,
            connections,
            health,
            metadata,
            announced: Announced::default(),
        })
    }

    /// Adds what Dubbo and gRPC tools ask for beside the services ([`COMPANIONS`](crate::COMPANIONS)).
    fn add_companions(&mut self, health: &Health, metadata: &Metadata) -> Result<(), ServeError> {
        let metadata = MetadataServiceV2Server::new(metadata.clone());
        let reflection = || {
            self.descriptors
                .iter()
                .chain([
                    &pb::FILE_DESCRIPTOR_SET,
                    &tonic_health::pb::FILE_DESCRIPTOR_SET,
                ])
                .fold(
                    tonic_reflection::server::Builder::configure(),
                    |builder, set| builder.register_encoded_file_descriptor_set(set),
                )
        };
        self.routes.companion(metadata);
        self.routes.companion(health.service());
        if self.reflection {
            let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
            self.routes.companion(v1);
            self.routes.companion(v1alpha);
        }
        Ok(())
    }
}

/// What a provider offers beside its services: metadata, health, reflection in both versions.
pub const COMPANIONS: [&str; 4] = [
    "org.apache.dubbo.metadata.MetadataServiceV2",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Tells consumers that the services speak TLS, as Dubbo for Java tells them; dubbo-go tells and reads nothing.
fn announce_tls(services: &mut [ServiceInfo]) {
    for service in services {
        let entry = service.params.entry("ssl-enabled".to_owned());
        entry.or_insert_with(|| "true".to_owned());
    }
}

/// Returns the services whose calls are measured: those that were added, companions left out.
fn measured(services: &[ServiceInfo]) -> Vec<metrics_core::KnownService> {
    services
        .iter()
        .map(|service| {
            let methods = service.methods.iter().map(String::as_str);
            metrics_core::KnownService::new(&service.interface, methods)
                .group(&service.group)
                .version(&service.version)
        })
        .collect()
}
