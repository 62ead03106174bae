//! Asks an instance what it offers, over Triple itself.

use dubbo_registry::{
    MetadataError, MetadataInfo, MetadataRequest, MetadataSource, ServiceMetadata,
};
use futures_util::future::BoxFuture;
use http::HeaderMap;
use tonic::Request;
use tonic::metadata::MetadataMap;

use super::connection::{self, Keepalive};
use crate::header;
use crate::pb;
use crate::pb::metadata_service_v2_client::MetadataServiceV2Client;
use crate::tls::ConsumerTls;

/// Fetches metadata with `MetadataServiceV2/GetMetadataInfo`, on a connection of its own for each question.
#[derive(Clone, Debug, Default)]
pub struct RpcMetadata {
    tls: Option<ConsumerTls>,
}

impl RpcMetadata {
    /// Asks over TLS, and never without.
    #[must_use]
    pub fn over(tls: Option<ConsumerTls>) -> Self {
        Self { tls }
    }
}

impl MetadataSource for RpcMetadata {
    fn fetch(
        &self,
        request: MetadataRequest,
    ) -> BoxFuture<'_, Result<MetadataInfo, MetadataError>> {
        Box::pin(fetch(request, self.tls.as_ref()))
    }
}

async fn fetch(
    asked: MetadataRequest,
    tls: Option<&ConsumerTls>,
) -> Result<MetadataInfo, MetadataError> {
    let address = asked.address();
    let connection = connection::connect(&address, &address, tls, Keepalive::never()).await?;
    let origin = connection::origin(&address, tls.is_some())?;
    let mut request = Request::new(pb::MetadataRequest {
        revision: asked.revision,
    });
    let headers = HeaderMap::from_iter([
        (header::GROUP, asked.application.parse()?),
        (header::VERSION, asked.version.parse()?),
    ]);
    *request.metadata_mut() = MetadataMap::from_headers(headers);
    let answer = MetadataServiceV2Client::with_origin(connection.sender, origin)
        .get_metadata_info(request)
        .await?
        .into_inner();
    Ok(MetadataInfo {
        app: answer.app,
        revision: answer.version,
        services: answer
            .services
            .into_iter()
            .map(|(key, service)| (key, service.into()))
            .collect(),
    })
}

impl From<pb::ServiceInfoV2> for ServiceMetadata {
    fn from(service: pb::ServiceInfoV2) -> Self {
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
