//! The metadata service: tells consumers what this instance offers.

use std::sync::Arc;

use dubbo_registry::{MetadataInfo, ServiceMetadata};
use parking_lot::RwLock;
use tonic::{Request, Response, Status};

use crate::pb;
use crate::pb::metadata_service_v2_server::MetadataServiceV2;

/// Answers with the metadata of the current registration; there is none before the provider is announced.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    current: Arc<RwLock<Option<MetadataInfo>>>,
}

impl Metadata {
    pub(super) fn set(&self, metadata: MetadataInfo) {
        *self.current.write() = Some(metadata);
    }

    fn answer(&self, revision: &str) -> Result<pb::MetadataInfoV2, Status> {
        let current = self.current.read();
        match &*current {
            Some(metadata) if revision.is_empty() || revision == metadata.revision => {
                Ok(metadata.clone().into())
            }
            Some(metadata) => Err(Status::not_found(format!(
                "revision {revision} is not the current one, {}",
                metadata.revision
            ))),
            None => Err(Status::not_found("this provider is not announced yet")),
        }
    }
}

#[tonic::async_trait]
impl MetadataServiceV2 for Metadata {
    async fn get_metadata_info(
        &self,
        request: Request<pb::MetadataRequest>,
    ) -> Result<Response<pb::MetadataInfoV2>, Status> {
        self.answer(&request.get_ref().revision).map(Response::new)
    }
}

impl From<MetadataInfo> for pb::MetadataInfoV2 {
    fn from(metadata: MetadataInfo) -> Self {
        Self {
            app: metadata.app,
            version: metadata.revision,
            services: metadata
                .services
                .into_iter()
                .map(|(key, service)| (key, service.into()))
                .collect(),
            tag: String::new(),
        }
    }
}

impl From<ServiceMetadata> for pb::ServiceInfoV2 {
    fn from(service: ServiceMetadata) -> Self {
        Self {
            name: service.name,
            group: service.group,
            version: service.version,
            protocol: service.protocol,
            port: service.port,
            path: service.path,
            params: service.params.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use dubbo_registry::{Registration, ServiceInfo};

    use super::*;

    fn announced() -> (Metadata, String) {
        let service = ServiceInfo {
            interface: "greet.GreetService".into(),
            methods: vec!["Greet".into()],
            ..ServiceInfo::default()
        };
        let registration = Registration::new("app", "127.0.0.1", 20000, vec![service]).unwrap();
        let metadata = Metadata::default();
        metadata.set(registration.metadata());
        (metadata, registration.revision())
    }

    #[test]
    fn the_current_revision_is_answered_in_full() {
        let (metadata, revision) = announced();
        let answer = metadata.answer(&revision).unwrap();
        assert_eq!((answer.app.as_str(), &answer.version), ("app", &revision));
        let service = answer.services.values().next().unwrap();
        assert_eq!(service.name, "greet.GreetService");
        assert_eq!(service.params["methods"], "Greet");
    }

    #[test]
    fn another_revision_is_not_found() {
        let (metadata, _) = announced();
        assert_eq!(
            metadata.answer("old").unwrap_err().code(),
            tonic::Code::NotFound
        );
    }
}
