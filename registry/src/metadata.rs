//! What an instance offers: Dubbo's metadata info, and the ways to ask for it.

use std::{collections::BTreeMap, fmt};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{Reference, provider};

/// The protocol name of Triple.
pub(crate) const TRIPLE: &str = "tri";

/// The services of one revision of an application, as `MetadataServiceV2` answers and as
/// `/dubbo/metadata/<app>/<revision>` holds (dubbo-go `metadata/info/metadata_info.go`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataInfo {
    /// The application.
    #[serde(default)]
    pub app: String,
    /// The revision, the same as in the instance's node.
    #[serde(default)]
    pub revision: String,
    /// The services by their match key, `group/interface:version:protocol`. Readers ignore the key.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceMetadata>,
}

/// One service in a [`MetadataInfo`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceMetadata {
    /// The interface.
    #[serde(default)]
    pub name: String,
    /// The service group, empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The version, empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The protocol, `tri` for Triple.
    #[serde(default)]
    pub protocol: String,
    /// The port; a consumer takes the one of the instance's endpoints instead.
    #[serde(default)]
    pub port: i32,
    /// The path, the same as the name.
    #[serde(default)]
    pub path: String,
    /// Further parameters: `methods` (comma-separated), `weight` and others.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

impl MetadataInfo {
    /// Finds the Triple service that `reference` means.
    pub(crate) fn find(&self, reference: &Reference) -> Option<&ServiceMetadata> {
        self.services.values().find(|service| {
            service.protocol == TRIPLE
                && reference.matches(&service.name, &service.group, &service.version)
        })
    }
}

/// A question to one instance for its metadata over Triple.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataRequest {
    /// The host of the instance.
    pub host: String,
    /// The port of its metadata service.
    pub port: u16,
    /// The application, which is also the service group of its metadata service.
    pub application: String,
    /// The version of its metadata service, such as `2.0.0`.
    pub version: String,
    /// The revision to ask for.
    pub revision: String,
}

impl MetadataRequest {
    /// Returns `host:port` of the metadata service, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        provider::address(&self.host, self.port)
    }
}

/// Why an instance did not tell its metadata.
pub type MetadataError = Box<dyn std::error::Error + Send + Sync>;

/// Asks an instance for its metadata over RPC, that is with `MetadataServiceV2/GetMetadataInfo`.
///
/// The registry limits each request to five seconds, keeps the answer for an application's revision as long as a
/// subscription uses it, and takes an instance as it is when no answer comes. Subscriptions that begin at the same moment
/// may each ask.
pub trait MetadataSource: Send + Sync + fmt::Debug {
    /// Fetches the metadata of one instance.
    fn fetch(&self, request: MetadataRequest)
    -> BoxFuture<'_, Result<MetadataInfo, MetadataError>>;
}

/// The source of those who can't ask: every instance is taken as it is.
impl MetadataSource for () {
    fn fetch(&self, _: MetadataRequest) -> BoxFuture<'_, Result<MetadataInfo, MetadataError>> {
        Box::pin(async { Err("this process does not ask instances for their metadata".into()) })
    }
}
