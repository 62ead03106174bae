//! The certificate that a server shows, on rustls with ring.

use std::fmt;
use std::sync::Arc;

use credentials::{Error, Identity};
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracing::{info, warn};

/// The certificate that a server shows. Its files are read for each connection, so that a renewed one is used at once.
///
/// Files that cannot be used any more are told to the log, and the last certificate that could be stays in use: while one file
/// is written and the other is not yet, the two do not fit.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    identity: Identity,
    used: Mutex<Used>,
}

struct Used {
    pair: Pair,
    config: Arc<ServerConfig>,
    /// What is wrong with the files since then; empty if nothing is.
    trouble: String,
}

#[derive(PartialEq)]
struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Tls {
    /// Makes TLS with this identity.
    ///
    /// # Errors
    /// When a file cannot be read or used, or the certificate is not the key's.
    pub fn new(identity: Identity) -> Result<Self, Error> {
        let pair = Pair::read(&identity)?;
        let config = pair.config(&identity)?;
        let used = Mutex::new(Used {
            pair,
            config,
            trouble: String::new(),
        });
        Ok(Self(Arc::new(Inner { identity, used })))
    }

    /// Returns what a new connection runs on, after a look at the files.
    pub(crate) async fn config(&self) -> Arc<ServerConfig> {
        let tls = self.clone();
        let looked = tokio::task::spawn_blocking(move || tls.look()).await;
        looked.unwrap_or_else(|_| Arc::clone(&self.0.used.lock().config))
    }

    fn look(&self) -> Arc<ServerConfig> {
        let Inner { identity, used } = &*self.0;
        let read = Pair::read(identity);
        let mut used = used.lock();
        let renewed = match read {
            Ok(pair) if pair == used.pair => Ok(None),
            Ok(pair) => pair.config(identity).map(|config| Some((pair, config))),
            Err(error) => Err(error),
        };
        match renewed {
            Ok(renewed) => {
                used.trouble.clear();
                if let Some((pair, config)) = renewed {
                    info!(file = %identity.cert_file.display(), "a new certificate is in use");
                    (used.pair, used.config) = (pair, config);
                }
            }
            Err(error) => {
                let trouble = error.to_string();
                if used.trouble != trouble {
                    warn!("the certificate from before stays in use: {trouble}");
                    used.trouble = trouble;
                }
            }
        }
        Arc::clone(&used.config)
    }
}

impl Pair {
    fn read(identity: &Identity) -> Result<Self, Error> {
        Ok(Self {
            chain: identity.chain()?,
            key: identity.key()?,
        })
    }

    fn config(&self, identity: &Identity) -> Result<Arc<ServerConfig>, Error> {
        let unusable = |error: rustls::Error| Error::Unusable {
            path: identity.key_file.clone(),
            reason: format!("with {}: {error}", identity.cert_file.display()),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.identity).finish()
    }
}
