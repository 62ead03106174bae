//! The health of each service, for consumers that check or watch it.

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// Sets what the health service answers for the services of one provider.
#[derive(Clone, Debug)]
pub(super) struct Health {
    reporter: HealthReporter,
    services: Vec<String>,
}

impl Health {
    /// Makes the health of these services, by Dubbo's service key: all serving.
    pub(super) async fn serving(services: Vec<String>) -> Self {
        let reporter = HealthReporter::new();
        for service in &services {
            reporter
                .set_service_status(service, ServingStatus::Serving)
                .await;
        }
        Self { reporter, services }
    }

    pub(super) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    /// Tells all that still check or watch that the process is about to stop.
    pub(super) async fn not_serving(&self) {
        for service in self.names() {
            self.reporter
                .set_service_status(service, ServingStatus::NotServing)
                .await;
        }
    }

    /// Ends all watches, so that they do not keep their connections open.
    pub(super) async fn close(mut self) {
        for service in self.names().map(str::to_owned).collect::<Vec<_>>() {
            self.reporter.clear_service_status(&service).await;
        }
    }

    /// The empty name stands for the whole process in gRPC's health protocol.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str).chain([""])
    }
}
