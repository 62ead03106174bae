//! What a view asks for, what it is answered, and what it publishes.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{MetadataInfo, ProviderEntry};

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::zookeeper) enum Read {
    Mapping,
    Instances {
        application: String,
    },
    Instance {
        application: String,
        node: String,
    },
    /// The list of interface-level providers.
    Urls,
    Metadata {
        application: String,
        revision: String,
    },
}

impl Read {
    pub(super) fn instances(application: &str) -> Self {
        Self::Instances {
            application: application.to_owned(),
        }
    }
}

/// What a read has found.
#[derive(Clone, Debug)]
pub(in crate::zookeeper) enum Found {
    Absent,
    Data { data: Vec<u8>, modified: i64 },
    Children(Vec<String>),
    Metadata(Arc<MetadataInfo>),
}

/// A list to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::zookeeper) struct Published {
    pub(in crate::zookeeper) providers: Vec<ProviderEntry>,
    /// The number of instances listed for the service's applications.
    pub(in crate::zookeeper) listed: usize,
    /// When the first sign of this change was seen.
    pub(in crate::zookeeper) since: Instant,
}
