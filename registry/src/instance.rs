//! The data of an instance's node, `/services/<application>/<ip:port>`: JSON with JSON inside strings, as Curator's service
//! discovery writes it for Dubbo (dubbo-go `remoting/zookeeper/curator_discovery/service_instance.go`).

mod read;

use serde::Serialize;

use crate::{metadata::TRIPLE, provider::bracketed};

pub(crate) use read::{Instance, Storage, check_size, clipped, is_host, parse, port};

/// The version of the metadata service that speaks plain gRPC.
const METADATA_SERVICE_VERSION: &str = "2.0.0";

const CLASS: &str = "org.apache.dubbo.registry.zookeeper.ZookeeperInstance";

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    id: &'a str,
    address: &'a str,
    port: u16,
    payload: WrittenPayload<'a>,
}

#[derive(Serialize)]
struct WrittenPayload<'a> {
    #[serde(rename = "@class")]
    class: &'a str,
    id: &'a str,
    name: &'a str,
    metadata: WrittenMetadata<'a>,
}

#[derive(Serialize)]
struct WrittenMetadata<'a> {
    #[serde(rename = "dubbo.endpoints")]
    endpoints: String,
    #[serde(rename = "dubbo.metadata-service.url-params")]
    url_params: String,
    #[serde(rename = "dubbo.metadata.revision")]
    revision: &'a str,
    #[serde(rename = "dubbo.metadata.storage-type")]
    storage_type: &'a str,
    #[serde(rename = "meta-v")]
    metadata_version: &'a str,
    timestamp: &'a str,
}

#[derive(Serialize)]
struct WrittenUrlParams<'a> {
    port: String,
    protocol: &'a str,
    version: &'a str,
    group: &'a str,
}

/// Writes the node of an instance that offers Triple and its metadata service on one port. The timestamp is that of its start,
/// in milliseconds since 1970, as Dubbo's warm-up reads it. An IPv6 address has brackets: dubbo-go 3.3.2 joins it to the port with a
/// colon and nothing else, and Java reads both forms.
pub(crate) fn write(
    application: &str,
    host: &str,
    port: u16,
    id: &str,
    revision: &str,
    timestamp: &str,
) -> String {
    let endpoints = serde_json::json!([{ "port": port, "protocol": TRIPLE }]).to_string();
    let params = WrittenUrlParams {
        port: port.to_string(),
        protocol: TRIPLE,
        version: METADATA_SERVICE_VERSION,
        group: application,
    };
    let node = Written {
        name: application,
        id,
        address: &bracketed(host),
        port,
        payload: WrittenPayload {
            class: CLASS,
            id,
            name: application,
            metadata: WrittenMetadata {
                endpoints,
                url_params: json(&params),
                revision,
                storage_type: "local",
                metadata_version: METADATA_SERVICE_VERSION,
                timestamp,
            },
        },
    };
    json(&node)
}

/// Writes a value whose type always has a JSON form.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a struct of strings and numbers has a JSON form")
}

#[cfg(test)]
mod tests;
