//! What a server shows, and whether its callers must show something, too.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};

use super::material::{Files, Material, roots, unusable};
use super::renewed::Renewed;
use crate::error::Error;
use crate::identity::Identity;

/// How many sessions of callers are remembered, so that they come back with a shorter handshake. Each takes a few hundred bytes.
const SESSIONS: usize = 4096;

/// The certificate that a server shows, and the authority that its callers' certificates must come from, if they need one.
///
/// TLS 1.2 and 1.3. The files are read again for each connection.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<Renewed<ServerConfig>>);

impl ServerTls {
    /// Makes TLS with this identity. With `client_authority`, a PEM file, callers must show a certificate that it stands for.
    /// `protocols` are those that are offered by ALPN, the most wanted one first.
    ///
    /// # Errors
    /// When a file cannot be read or used, or the certificate is not the key's.
    pub fn new(
        identity: Identity,
        client_authority: Option<PathBuf>,
        protocols: &[&str],
    ) -> Result<Self, Error> {
        let files = Files {
            identity: Some(identity),
            authorities: client_authority,
        };
        let protocols: Vec<_> = protocols
            .iter()
            .map(|name| name.as_bytes().into())
            .collect();
        let make = move |files: &Files, material: &Material| config(files, material, &protocols);
        Renewed::new(files, make).map(Self)
    }

    /// Returns what a new connection runs on, after a look at the files.
    pub async fn config(&self) -> Arc<ServerConfig> {
        self.0.current().await
    }
}

fn config(
    files: &Files,
    material: &Material,
    protocols: &[Vec<u8>],
) -> Result<ServerConfig, Error> {
    let wrong = |error: rustls::Error| files.unusable_identity(&error);
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(wrong)?;
    let builder = match (&files.authorities, &material.authorities) {
        (Some(path), Some(authorities)) => {
            let roots = Arc::new(roots(path, authorities)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| unusable(Path::new(path), &error))?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let pair = material.identity.as_ref();
    let pair = pair.expect("a server's TLS is made with an identity");
    let mut config = builder
        .with_single_cert(pair.chain.clone(), pair.key.clone_key())
        .map_err(wrong)?;
    config.alpn_protocols = protocols.to_vec();
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    Ok(config)
}
