//! A certificate authority of one test.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use crate::folder::Folder;

/// A certificate authority, with the files of what it has issued in a folder of its own.
#[derive(Debug)]
pub struct Authority {
    folder: Folder,
    issuer: Issuer<'static, KeyPair>,
}

/// The files of a certificate and its key, in PEM form.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Panics
    /// When the place for temporary files can't be written to.
    pub fn new() -> Self {
        let folder = Folder::new("authority-");
        let mut params = params("test authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = params.self_signed(&key).expect("the parameters are legal");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem())
            .expect("the folder is writable");
        Self {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns the file of its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Issues a certificate with this common name and these alternative names, hosts or addresses; again for a name, into the same
    /// files.
    ///
    /// # Panics
    /// When a name is not legal in a certificate.
    pub fn issue(&self, common_name: &str, alternatives: &[&str]) -> Issued {
        self.sign(common_name, params(common_name, alternatives))
    }

    /// Issues a certificate as [`Authority::issue`] does that ended in 2021.
    ///
    /// # Panics
    /// When a name is not legal in a certificate.
    pub fn issue_expired(&self, common_name: &str, alternatives: &[&str]) -> Issued {
        let mut params = params(common_name, alternatives);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(common_name, params)
    }

    fn sign(&self, common_name: &str, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the parameters are legal");
        let file = |end: &str| self.folder.path().join(format!("{common_name}.{end}"));
        let issued = Issued {
            cert: file("pem"),
            key: file("key"),
        };
        // Each file whole, as tools that renew certificates do it.
        for (path, text) in [
            (&issued.key, key.serialize_pem()),
            (&issued.cert, certificate.pem()),
        ] {
            let new = path.with_extension("new");
            std::fs::write(&new, text).expect("the folder is writable");
            std::fs::rename(&new, path).expect("the folder is writable");
        }
        issued
    }
}

fn params(common_name: &str, alternatives: &[&str]) -> CertificateParams {
    let alternatives: Vec<_> = alternatives.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(alternatives).expect("the names are legal");
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    params
}
