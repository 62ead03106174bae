//! The TLS configuration that the HTTP client is given, on rustls with ring.
//!
//! It is made here, whole, because the client's own default asks for a process-wide provider and for an installed
//! bundle of authorities, even when no `https` address is ever used.

use std::path::Path;
use std::sync::Arc;

use credentials::{Identity, certificates};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::access::Tls;
use crate::error::Error;

/// Returns the configuration for an `https` gateway, or an empty one that trusts nobody for an `http` gateway.
pub(crate) fn config(tls: &Tls, https: bool) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    if !https {
        return Ok(builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth());
    }
    let builder = if tls.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        let roots = match &tls.ca_file {
            Some(path) => authorities_of(path)?,
            None => authorities_of_the_system()?,
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        builder.with_webpki_verifier(verifier)
    };
    match &tls.identity {
        Some(identity) => with_identity(builder, identity),
        None => Ok(builder.with_no_client_auth()),
    }
}

fn with_identity(
    builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    identity: &Identity,
) -> Result<ClientConfig, Error> {
    let (chain, key) = (identity.chain()?, identity.key()?);
    Ok(builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| unusable(&identity.key_file, &error))?)
}

fn authorities_of(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| unusable(path, &error))?;
    }
    Ok(roots)
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

fn unusable(path: &Path, error: &rustls::Error) -> credentials::Error {
    credentials::Error::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
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
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
