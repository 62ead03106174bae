//! Triple over TLS: what a provider shows, what a consumer trusts, and what both are offered by ALPN.

use std::io;
use std::path::PathBuf;

use credentials::{Authorities, ClientTls, Error, Identity};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;

pub use credentials::ServerTls;

/// What a provider offers by ALPN: all that its port speaks.
pub const PROVIDER_PROTOCOLS: &[&str] = &["h2", "http/1.1"];

/// How a consumer speaks TLS to its providers. It speaks nothing else then: a provider without TLS is not called.
///
/// The files are read again for each connection, so that renewed ones are used from the next connection on.
#[derive(Clone, Debug)]
pub struct ConsumerTls {
    tls: ClientTls,
    server_name: Option<ServerName<'static>>,
}

impl ConsumerTls {
    /// Trusts the authorities in a PEM file, and shows this identity to providers that ask for one.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or used, or the certificate is not the key's.
    pub fn new(ca_file: PathBuf, identity: Option<Identity>) -> Result<Self, Error> {
        let tls = ClientTls::new(Authorities::File(ca_file), identity, &["h2"])?;
        Ok(Self {
            tls,
            server_name: None,
        })
    }

    /// Sets the name that every provider's certificate must carry, without this the host that it is called at. Registries list addresses,
    /// and certificates rarely have them.
    ///
    /// # Errors
    ///
    /// When the text is neither a host name nor an address.
    pub fn server_name(mut self, name: &str) -> Result<Self, InvalidServerName> {
        let parsed = ServerName::try_from(name.to_owned());
        self.server_name = Some(parsed.map_err(|_| InvalidServerName(name.to_owned()))?);
        Ok(self)
    }

    /// Shakes hands with the provider at `host:port`.
    pub(crate) async fn connect(
        &self,
        address: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host(address).to_owned()).map_err(io::Error::other)?,
        };
        let connector = TlsConnector::from(self.tls.config().await);
        connector.connect(name, stream).await
    }
}

/// A text that is neither a host name nor an address.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither a host name nor an IP address")]
pub struct InvalidServerName(String);

/// Returns the host of `host:port`, without the brackets of an IPv6 address.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// Returns whether a handshake failed because the peer speaks no TLS at all.
pub(crate) fn is_plain(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(tls, Some(rustls::Error::InvalidMessage(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_is_what_a_certificate_may_carry() {
        for (address, expected) in [
            ("127.0.0.1:20000", "127.0.0.1"),
            ("[::1]:20000", "::1"),
            ("greeter.example:1", "greeter.example"),
        ] {
            assert_eq!(host(address), expected);
            ServerName::try_from(host(address)).unwrap();
        }
    }
}
