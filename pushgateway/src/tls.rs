//! The HTTP client, made again when the files of its TLS have changed.
//!
//! Its TLS configuration is made here, whole, because the client's own default asks for a process-wide provider and for an installed
//! bundle of authorities, even when no `https` address is ever used.

use std::sync::Arc;
use std::time::Duration;

use credentials::{Authorities, ClientTls};
use parking_lot::Mutex;
use reqwest::{Client, redirect};
use rustls::ClientConfig;

use crate::access::Tls;
use crate::error::Error;
use crate::proxy::Route;

/// An HTTP client whose authority and identity may be renewed.
#[derive(Debug)]
pub(crate) struct RenewedClient {
    tls: ClientTls,
    connect_timeout: Duration,
    route: Arc<Route>,
    used: Mutex<(Arc<ClientConfig>, Client)>,
}

impl RenewedClient {
    /// Makes the client of an `https` gateway, or one that reads no file for an `http` gateway.
    pub(crate) fn new(
        tls: &Tls,
        https: bool,
        connect_timeout: Duration,
        route: Arc<Route>,
    ) -> Result<Self, Error> {
        let authorities = match &tls.ca_file {
            // Nothing is encrypted, so no certificate is looked at.
            _ if !https => Authorities::Unchecked,
            _ if tls.insecure => Authorities::Unchecked,
            Some(path) => Authorities::File(path.clone()),
            None => Authorities::System,
        };
        let identity = tls.identity.clone().filter(|_| https);
        let tls = ClientTls::new(authorities, identity, &[]).map_err(|error| match error {
            credentials::Error::NoAuthorities => Error::NoAuthorities,
            error => Error::Credentials(error),
        })?;
        let config = tls.config_now();
        let client = client(&config, connect_timeout, &route)?;
        Ok(Self {
            tls,
            connect_timeout,
            route,
            used: Mutex::new((config, client)),
        })
    }

    /// Returns the client for the next request, after a look at the files.
    pub(crate) async fn current(&self) -> Result<Client, Error> {
        let config = self.tls.config().await;
        let mut used = self.used.lock();
        if !Arc::ptr_eq(&used.0, &config) {
            let client = client(&config, self.connect_timeout, &self.route)?;
            *used = (config, client);
        }
        Ok(used.1.clone())
    }
}

fn client(
    config: &Arc<ClientConfig>,
    connect_timeout: Duration,
    route: &Route,
) -> Result<Client, Error> {
    route
        .apply(Client::builder())?
        .tls_backend_preconfigured(ClientConfig::clone(config))
        .redirect(redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "-rust/",
            env!("CARGO_PKG_VERSION")
        ))
        .build()
        .map_err(Error::Setup)
}
