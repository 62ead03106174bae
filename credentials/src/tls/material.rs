//! What a TLS configuration is made of, as files and as what was read from them.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Error;
use crate::identity::{Identity, certificates};

/// The files of a configuration.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The own certificate and its key.
    pub(super) identity: Option<Identity>,
    /// The authorities that the peer's certificate must come from.
    pub(super) authorities: Option<PathBuf>,
}

/// What the files held when they were read.
#[derive(PartialEq)]
pub(super) struct Material {
    pub(super) identity: Option<Pair>,
    pub(super) authorities: Option<Vec<CertificateDer<'static>>>,
}

/// A certificate with its chain, and its key.
#[derive(PartialEq)]
pub(super) struct Pair {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Files {
    pub(super) fn read(&self) -> Result<Material, Error> {
        let identity = self.identity.as_ref().map(|identity| {
            Ok::<_, Error>(Pair {
                chain: identity.chain()?,
                key: identity.key()?,
            })
        });
        let authorities = self.authorities.as_deref().map(certificates);
        Ok(Material {
            identity: identity.transpose()?,
            authorities: authorities.transpose()?,
        })
    }

    /// Says that the certificate and the key cannot be used, with both of their names.
    pub(super) fn unusable_identity(&self, error: &rustls::Error) -> Error {
        let Some(identity) = &self.identity else {
            return unusable(Path::new("TLS"), error);
        };
        Error::Unusable {
            path: identity.key_file.clone(),
            reason: format!("with {}: {error}", identity.cert_file.display()),
        }
    }
}

/// Returns the store of the authorities in a file.
pub(super) fn roots(
    path: &Path,
    certificates: &[CertificateDer<'static>],
) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| unusable(path, &error))?;
    }
    Ok(roots)
}

pub(super) fn unusable(path: &Path, error: &impl ToString) -> Error {
    Error::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
