//! Who calls: what a provider knows of the other side of a call.

use std::net::IpAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::header;

/// Who calls, as handlers and layers may ask.
///
/// The certificate is proven by TLS. The application is what the consumer says of itself, which anyone can say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The certificate that the caller has shown; none without `--tls-client-ca`.
    pub certificate: Option<PeerCertificate>,
    /// The application that the caller names (`tri-consumer-appname`).
    pub application: Option<String>,
}

impl Peer {
    /// Returns who makes a call, for a handler.
    #[must_use]
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        Self::read(request.extensions(), request.metadata().as_ref())
    }

    /// Returns who makes a call, for a layer.
    #[must_use]
    pub fn of_http<B>(request: &http::Request<B>) -> Self {
        Self::read(request.extensions(), request.headers())
    }

    fn read(extensions: &Extensions, headers: &HeaderMap) -> Self {
        // A caller that names several has named none: what looks at the header might each take another one.
        let mut names = headers.get_all(header::APPLICATION).iter();
        let application = names.next();
        let application = application.filter(|first| names.all(|other| other == first));
        Self {
            certificate: extensions.get().cloned(),
            application: application
                .and_then(|name| name.to_str().ok())
                .map(str::to_owned),
        }
    }
}

/// The certificate that a caller has shown, proven by TLS. The extensions of its requests carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate(Arc<Names>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    subject: String,
    common_name: Option<String>,
    alternatives: Vec<String>,
}

impl PeerCertificate {
    /// Reads the names of a certificate in DER; one that cannot be read has none.
    pub(crate) fn read(der: &[u8]) -> Self {
        let names = parse_x509_certificate(der).map(|(_, certificate)| {
            let subject = certificate.subject();
            let common_name = subject.iter_common_name().next();
            let alternatives = certificate.subject_alternative_name().ok().flatten();
            Names {
                subject: subject.to_string(),
                common_name: common_name
                    .and_then(|name| name.as_str().ok())
                    .map(str::to_owned),
                alternatives: alternatives
                    .map(|names| names.value.general_names.iter().filter_map(text).collect())
                    .unwrap_or_default(),
            }
        });
        Self(Arc::new(names.unwrap_or_default()))
    }

    /// Returns the whole subject, such as `O=Example, CN=client`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Returns the subject's common name.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    /// Returns the subject's alternative names: hosts, addresses, URIs such as SPIFFE's, and mailboxes.
    pub fn alternative_names(&self) -> impl Iterator<Item = &str> {
        self.0.alternatives.iter().map(String::as_str)
    }

    /// Returns whether the certificate is one of this name: its common name, or one of the alternatives.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.common_name() == Some(name) || self.alternative_names().any(|own| own == name)
    }
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some(address.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(common_name: &str, alternatives: &[&str]) -> Vec<u8> {
        let alternatives: Vec<_> = alternatives.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(alternatives).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example");
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_names_of_a_certificate_are_read() {
        let peer = PeerCertificate::read(&certificate("client", &["client.example", "10.0.0.1"]));
        assert_eq!(peer.common_name(), Some("client"));
        assert_eq!(peer.subject(), "O=Example, CN=client");
        for name in ["client", "client.example", "10.0.0.1"] {
            assert!(peer.is_named(name), "{name}");
        }
        for name in ["", "Example", "lient", "O=Example, CN=client", "10.0.0.2"] {
            assert!(!peer.is_named(name), "{name}");
        }
    }

    #[test]
    fn a_caller_that_names_several_applications_has_named_none() {
        for (values, expected) in [
            (&["web"][..], Some("web")),
            (&["web", "web"], Some("web")),
            (&["web", "other"], None),
            (&["other", "web"], None),
            (&["web, other"], Some("web, other")),
            (&[], None),
        ] {
            let mut request = http::Request::builder();
            for (place, value) in values.iter().enumerate() {
                let name = ["tri-consumer-appname", "Tri-Consumer-Appname"][place];
                request = request.header(name, *value);
            }
            let peer = Peer::of_http(&request.body(()).unwrap());
            assert_eq!(peer.application.as_deref(), expected, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_certificate_never_panics(at in 0..600_usize, byte: u8, cut in 0..600_usize) {
            let mut der = certificate("client", &["client.example"]);
            let at = at % der.len();
            der[at] = byte;
            let _ = PeerCertificate::read(&der);
            der.truncate(cut);
            let _ = PeerCertificate::read(&der);
        }
    }
}
