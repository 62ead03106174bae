//! The member that Prometheus discovers.

use serde_json::json;

use crate::{Error, name};

/// A metrics endpoint, as Prometheus finds it through `serverset_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeTarget {
    application: String,
    host: String,
    port: u16,
}

impl ScrapeTarget {
    /// Describes the metrics endpoint of `application` on `host:port`.
    ///
    /// # Errors
    /// [`Error::Name`] when the application or the host is not a plain name.
    pub fn new(
        application: impl Into<String>,
        host: impl Into<String>,
        port: u16,
    ) -> Result<Self, Error> {
        Ok(Self {
            application: name::checked("application", application.into())?,
            host: name::checked("host", host.into())?,
            port,
        })
    }

    /// Returns the application; the discovered target carries it.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// Returns the host that Prometheus scrapes.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port that Prometheus scrapes.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the data of the member in the format of Prometheus's serverset discovery.
    ///
    /// Prometheus turns the additional endpoint `application` into the label `__meta_serverset_endpoint_host_application`,
    /// which carries the application's name.
    pub fn node_data(&self) -> String {
        json!({
            "serviceEndpoint": { "host": self.host, "port": self.port },
            "additionalEndpoints": { "application": { "host": self.application, "port": self.port } },
            "status": "ALIVE",
            "shard": 0,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_has_the_format_of_prometheus() {
        let node = ScrapeTarget::new("my-app", "10.0.0.1", 9099)
            .unwrap()
            .node_data();
        let value: serde_json::Value = serde_json::from_str(&node).unwrap();
        assert_eq!(
            value,
            json!({
                "serviceEndpoint": {"host": "10.0.0.1", "port": 9099},
                "additionalEndpoints": {"application": {"host": "my-app", "port": 9099}},
                "status": "ALIVE", "shard": 0,
            })
        );
    }
}
