//! The provider: tonic services on one port, with everything that Dubbo consumers expect beside them.

use std::convert::Infallible;

use dubbo_registry::{DEFAULT_WEIGHT, Reference, RegisterMode, ServiceInfo};
use http::{Request, Response};
use metrics_core::{Metrics, ProviderLayer};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::NamedService;
use tower_layer::Layer;
use tower_service::Service;

use crate::pb;
use crate::pb::metadata_service_v2_server::MetadataServiceV2Server;
use crate::runtime::Workers;

mod deadline;
mod descriptor;
mod health;
mod listener;
mod metadata;
mod protocol;
mod routes;
mod serving;

pub use descriptor::DescriptorError;
pub use serving::{ServeError, Serving};

use deadline::Deadline;
use health::Health;
use listener::Connections;
use metadata::Metadata;
use protocol::{Methods, Protocols};
use routes::Routes;

/// A provider that is being put together.
#[derive(Debug)]
pub struct Provider {
    application: String,
    routes: Routes,
    services: Vec<ServiceInfo>,
    descriptors: Vec<&'static [u8]>,
    methods: Methods,
    metrics: Option<Metrics>,
    weight: u32,
    register_mode: RegisterMode,
}

impl Provider {
    /// Begins a provider of this application, with no service yet.
    #[must_use]
    pub fn new(application: impl Into<String>) -> Self {
        Self {
            application: application.into(),
            routes: Routes::default(),
            services: Vec::new(),
            descriptors: Vec::new(),
            methods: Methods::default(),
            metrics: None,
            weight: DEFAULT_WEIGHT,
            register_mode: RegisterMode::default(),
        }
    }

    /// Adds a generated service under no group and no version, with the file descriptor set that it was generated from.
    ///
    /// # Errors
    ///
    /// When the set does not describe the service.
    pub fn service<S>(self, service: S, descriptors: &'static [u8]) -> Result<Self, DescriptorError>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        self.service_of(service, descriptors, "", "")
    }

    /// Adds a generated service under a group and a version, either of which may be empty.
    ///
    /// # Errors
    ///
    /// When the set does not describe the service.
    pub fn service_of<S>(
        mut self,
        service: S,
        descriptors: &'static [u8],
        group: &str,
        version: &str,
    ) -> Result<Self, DescriptorError>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
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

    /// Sets which of Dubbo's two registrations are made, both without this.
    #[must_use]
    pub fn register_mode(mut self, mode: RegisterMode) -> Self {
        self.register_mode = mode;
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
        let service = Deadline::new(self.routes);
        let workers = workers.clone();
        let connections = match &self.metrics {
            Some(metrics) => {
                let layer = ProviderLayer::new(metrics, &measured(&self.services));
                let service = Protocols::new(layer.layer(service), self.methods);
                Connections::accept(listener, workers, service)
            }
            None => Connections::accept(listener, workers, Protocols::new(service, self.methods)),
        };
        Ok(Serving {
            application: self.application,
            services: self.services,
            weight: self.weight,
            register_mode: self.register_mode,
            address,
            connections,
            health,
            metadata,
            announcement: None,
        })
    }

    /// Adds what Dubbo and gRPC tools ask for beside the services: metadata, health, reflection in both versions.
    fn add_companions(&mut self, health: &Health, metadata: &Metadata) -> Result<(), ServeError> {
        let metadata = MetadataServiceV2Server::new(metadata.clone())
            .accept_compressed(CompressionEncoding::Gzip);
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
        let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
        self.routes.companion(metadata);
        self.routes.companion(health.service());
        self.routes.companion(v1);
        self.routes.companion(v1alpha);
        Ok(())
    }
}

/// Returns the services whose calls are measured: those that were added, companions left out.
fn measured(services: &[ServiceInfo]) -> Vec<metrics_core::Service> {
    services
        .iter()
        .map(|service| {
            let methods = service.methods.iter().map(String::as_str);
            metrics_core::Service::new(&service.interface, methods)
                .group(&service.group)
                .version(&service.version)
        })
        .collect()
}
