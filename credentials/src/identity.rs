//! Certificates and their keys, in PEM files.

use std::path::{Path, PathBuf};

use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Error;

/// A certificate with its key, each in a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate and what leads from it to its authority.
    pub cert_file: PathBuf,
    /// The certificate's private key.
    pub key_file: PathBuf,
}

impl Identity {
    /// Returns the identity that two options name, if any; empty values count as not given.
    ///
    /// # Errors
    /// When one is given without the other; `options` are their names.
    pub fn given(
        cert_file: Option<PathBuf>,
        key_file: Option<PathBuf>,
        options: [&'static str; 2],
    ) -> Result<Option<Self>, Error> {
        let given = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
        match (given(cert_file), given(key_file)) {
            (Some(cert_file), Some(key_file)) => Ok(Some(Self {
                cert_file,
                key_file,
            })),
            (None, None) => Ok(None),
            _ => Err(Error::HalfAnIdentity { options }),
        }
    }

    /// Reads the key.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no private key.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        PrivateKeyDer::from_pem_file(&self.key_file).map_err(|error| match error {
            pem::Error::NoItemsFound => {
                unusable(&self.key_file, "it holds no private key in PEM form")
            }
            error => broken(&self.key_file, error),
        })
    }

    /// Reads the certificate and what leads from it to its authority.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no certificate.
    pub fn chain(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        certificates(&self.cert_file)
    }
}

/// Reads every certificate of a PEM file.
///
/// # Errors
/// When the file cannot be read, or holds none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| broken(path, error))?;
    if certificates.is_empty() {
        return Err(unusable(path, "it holds no certificate in PEM form"));
    }
    Ok(certificates)
}

fn broken(path: &Path, error: pem::Error) -> Error {
    match error {
        pem::Error::Io(source) => Error::File {
            path: path.to_owned(),
            source,
        },
        error => unusable(path, error),
    }
}

fn unusable(path: &Path, reason: impl ToString) -> Error {
    Error::Unusable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [&str; 2] = ["--cert", "--key"];

    #[test]
    fn a_certificate_and_its_key_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let identity = Identity {
            cert_file: folder.path().join("cert.pem"),
            key_file: folder.path().join("key.pem"),
        };
        std::fs::write(&identity.cert_file, made.cert.pem()).unwrap();
        std::fs::write(&identity.key_file, made.signing_key.serialize_pem()).unwrap();
        assert_eq!(identity.chain().unwrap(), [made.cert.der().clone()]);
        identity.key().unwrap();
        let swapped = Identity {
            cert_file: identity.key_file.clone(),
            key_file: identity.cert_file.clone(),
        };
        for err in [swapped.chain().unwrap_err(), swapped.key().unwrap_err()] {
            assert!(err.to_string().contains("it holds no"), "{err}");
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let garbage = folder.path().join("garbage");
        std::fs::write(
            &garbage,
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        let err = certificates(&garbage).unwrap_err();
        assert!(
            matches!(&err, Error::Unusable { path, .. } if *path == garbage),
            "{err:?}"
        );
        let err = certificates(Path::new("/does/not/exist")).unwrap_err();
        assert_eq!(err.to_string(), "cannot read /does/not/exist");
    }

    #[test]
    fn a_certificate_and_a_key_belong_together() {
        let path = |text: &str| Some(PathBuf::from(text));
        let half = Identity::given(path("cert.pem"), path(""), OPTIONS).unwrap_err();
        assert_eq!(
            half.to_string(),
            "--cert and --key belong together: set both"
        );
        assert_eq!(Identity::given(None, path(""), OPTIONS).unwrap(), None);
        let both = Identity::given(path("cert.pem"), path("key.pem"), OPTIONS).unwrap();
        assert!(both.is_some());
    }
}
