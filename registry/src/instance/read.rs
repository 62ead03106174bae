//! Reads an instance's node, as Java, Go and this crate write it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{METADATA_SERVICE_VERSION, TRIPLE};
use crate::{Malformed, MetadataRequest, provider::bare};

/// The largest node that is parsed. A registration of hundreds of services has a few kilobytes.
pub(super) const MAX_NODE_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
struct Read {
    address: String,
    #[serde(default)]
    port: Option<Number>,
    payload: ReadPayload,
}

#[derive(Deserialize)]
struct ReadPayload {
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct ReadEndpoint {
    port: Number,
    protocol: String,
}

#[derive(Deserialize)]
struct ReadUrlParams {
    port: Number,
    protocol: String,
    #[serde(default)]
    version: String,
}

/// A number that some writers put into a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(i64),
    Quoted(String),
}

impl Number {
    fn port(&self) -> Result<u16, Malformed> {
        match self {
            Self::Plain(number) => port(&number.to_string()),
            Self::Quoted(text) => port(text),
        }
    }
}

/// Reads a port that can be called, 1 to 65535.
pub(crate) fn port(text: &str) -> Result<u16, Malformed> {
    text.parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Malformed::Port(clipped(text)))
}

/// Where the metadata of an instance can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In ZooKeeper; from the instance itself where that fails.
    Remote(Option<MetadataRequest>),
    /// From the instance itself.
    Local(MetadataRequest),
    /// It cannot be had.
    Nowhere,
}

/// One instance of an application, as its node describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) host: String,
    /// The port of its Triple endpoint.
    pub(crate) port: u16,
    /// The revision of its metadata; empty when the node has none.
    pub(crate) revision: String,
    pub(crate) storage: Storage,
    /// What the node says for a service whose metadata does not say it itself.
    pub(crate) params: BTreeMap<String, String>,
}

/// The parameters of a service that Dubbo looks for in the instance's node, too.
const INSTANCE_PARAMS: [&str; 4] = ["dubbo.tag", "timestamp", "weight", "warmup"];

/// Reads the node of an instance of `application`; `None` for one that offers no service (revision 0).
pub(crate) fn parse(application: &str, data: &[u8]) -> Result<Option<Instance>, Malformed> {
    check_size(data)?;
    let node: Read =
        serde_json::from_slice(data).map_err(|error| Malformed::Json(error.to_string()))?;
    let metadata = &node.payload.metadata;
    let entry = |key: &str| metadata.get(key).map(String::as_str).unwrap_or_default();
    let revision = entry("dubbo.metadata.revision");
    if revision == "0" {
        return Ok(None);
    }
    if !is_host(&node.address) {
        return Err(Malformed::Host(clipped(&node.address)));
    }
    let port = match metadata.get("dubbo.endpoints") {
        Some(endpoints) => triple_port(endpoints)?,
        None => match node.port {
            Some(number) => number.port()?,
            None => port("")?,
        },
    };
    let host = bare(&node.address).to_owned();
    let request = metadata_request(application, &host, revision, entry);
    let storage = match (entry("dubbo.metadata.storage-type"), request) {
        ("remote", request) if !revision.is_empty() => Storage::Remote(request),
        (_, Some(request)) => Storage::Local(request),
        (_, None) => Storage::Nowhere,
    };
    let revision = revision.to_owned();
    let mut params = node.payload.metadata;
    params.retain(|key, _| INSTANCE_PARAMS.contains(&key.as_str()));
    Ok(Some(Instance {
        host,
        port,
        revision,
        storage,
        params,
    }))
}

pub(crate) fn check_size(data: &[u8]) -> Result<(), Malformed> {
    if data.is_empty() {
        Err(Malformed::Empty)
    } else if data.len() > MAX_NODE_BYTES {
        Err(Malformed::TooLarge {
            bytes: data.len(),
            limit: MAX_NODE_BYTES,
        })
    } else {
        Ok(())
    }
}

fn triple_port(endpoints: &str) -> Result<u16, Malformed> {
    let endpoints: Vec<ReadEndpoint> =
        serde_json::from_str(endpoints).map_err(|error| Malformed::Endpoints(error.to_string()))?;
    match endpoints
        .iter()
        .find(|endpoint| endpoint.protocol == TRIPLE)
    {
        Some(endpoint) => endpoint.port.port(),
        None => Err(Malformed::Protocol(
            endpoints
                .iter()
                .take(8)
                .map(|e| clipped(&e.protocol))
                .collect(),
        )),
    }
}

/// Says how to ask the instance, unless it speaks something else than gRPC there.
///
/// An unreadable entry is no reason to leave the instance out: it is taken as it is.
fn metadata_request<'a>(
    application: &str,
    host: &str,
    revision: &str,
    entry: impl Fn(&str) -> &'a str,
) -> Option<MetadataRequest> {
    let params: ReadUrlParams =
        serde_json::from_str(entry("dubbo.metadata-service.url-params")).ok()?;
    if revision.is_empty()
        || params.protocol != TRIPLE
        || entry("meta-v") != METADATA_SERVICE_VERSION
    {
        return None;
    }
    let version = if params.version.is_empty() {
        METADATA_SERVICE_VERSION.to_owned()
    } else {
        params.version
    };
    Some(MetadataRequest {
        host: host.to_owned(),
        port: params.port.port().ok()?,
        application: application.to_owned(),
        version,
        revision: revision.to_owned(),
    })
}

/// Tells whether `host` can stand in an address: a name, an IPv4 address, or an IPv6 address with or without brackets.
pub(crate) fn is_host(host: &str) -> bool {
    let name = bare(host);
    let in_brackets = name.len() < host.len();
    !name.is_empty()
        && name.len() <= 255
        && (name.contains(':') || !in_brackets)
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%'))
}

/// Shortens foreign text for a message.
pub(crate) fn clipped(text: &str) -> String {
    text.chars().take(80).collect()
}
