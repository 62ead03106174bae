//! Whom a client trusts, and what it shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::material::{Files, Material, roots, unusable};
use super::renewed::Renewed;
use crate::error::Error;
use crate::identity::Identity;

/// The authorities that a server's certificate must come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those in this PEM file.
    File(PathBuf),
    /// Those that the system trusts.
    System,
    /// None is asked for: any certificate is taken, and a host in between can read and change everything.
    Unchecked,
}

/// Whom a client trusts, and the certificate that it shows where it is asked for one.
///
/// TLS 1.2 and 1.3. The files are read again for each connection; the system's authorities are read once.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<Renewed<ClientConfig>>);

impl ClientTls {
    /// Makes TLS that trusts these authorities. `protocols` are those that are offered by ALPN, the most wanted one first.
    ///
    /// # Errors
    /// When a file cannot be read or used, the certificate is not the key's, or the system has no authorities.
    pub fn new(
        authorities: Authorities,
        identity: Option<Identity>,
        protocols: &[&str],
    ) -> Result<Self, Error> {
        let file = match &authorities {
            Authorities::File(path) => Some(path.clone()),
            Authorities::System | Authorities::Unchecked => None,
        };
        let system = match authorities {
            Authorities::System => Some(Arc::new(authorities_of_the_system()?)),
            Authorities::File(_) | Authorities::Unchecked => None,
        };
        let files = Files {
            identity,
            authorities: file,
        };
        let protocols: Vec<_> = protocols
            .iter()
            .map(|name| name.as_bytes().into())
            .collect();
        let make = move |files: &Files, material: &Material| {
            config(files, material, system.clone(), &protocols)
        };
        Renewed::new(files, make).map(Self)
    }

    /// Returns what a new connection runs on, after a look at the files.
    pub async fn config(&self) -> Arc<ClientConfig> {
        self.0.current().await
    }

    /// Does what [`config`](Self::config) does, and blocks while the files are read.
    pub fn config_now(&self) -> Arc<ClientConfig> {
        self.0.look()
    }
}

fn config(
    files: &Files,
    material: &Material,
    system: Option<Arc<RootCertStore>>,
    protocols: &[Vec<u8>],
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| files.unusable_identity(&error))?;
    let roots = match (&files.authorities, &material.authorities) {
        (Some(path), Some(authorities)) => {
            Some((path.as_path(), Arc::new(roots(path, authorities)?)))
        }
        _ => system.map(|roots| (Path::new("the system's authorities"), roots)),
    };
    let builder = match roots {
        Some((path, roots)) => {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| unusable(path, &error))?;
            builder.with_webpki_verifier(verifier)
        }
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
    };
    let mut config = match &material.identity {
        Some(pair) => builder
            .with_client_auth_cert(pair.chain.clone(), pair.key.clone_key())
            .map_err(|error| files.unusable_identity(&error))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.to_vec();
    Ok(config)
}

fn authorities_of_the_system() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    // A single odd certificate in the system's bundle is no reason to refuse the others.
    let (usable, _unusable) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 {
        Err(Error::NoAuthorities)
    } else {
        Ok(roots)
    }
}

/// Takes any certificate; only signatures are still checked, so that the handshake itself stays sound.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
