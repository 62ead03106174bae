//! TLS with an authority of our own, client certificates, and what is refused.

use std::path::PathBuf;

use pushgateway::{Access, Error, Gateway, GroupingKey, Identity, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use test_servers::Pushgateway;

/// A gateway for 127.0.0.1 that asks for client certificates, with the files that open it.
struct Guarded {
    server: Pushgateway,
    folder: TempDir,
}

impl Guarded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        certify(&folder);
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (ca, cert, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
        let config = format!(
            "tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {ca}\n"
        );
        write(&folder, "web.yml", &config);
        let argument = format!("--web.config.file={}", file("web.yml"));
        Self {
            server: Pushgateway::start_with(&[&argument]).await,
            folder,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn gateway(&self, tls: Tls) -> Result<Gateway, Error> {
        let mut access = Access::new(
            format!("https://{}", self.server.address())
                .parse()
                .expect("a URL"),
        );
        access.tls = tls;
        Gateway::new(&access)
    }

    fn tls(&self) -> Tls {
        let identity = Identity {
            cert_file: self.file("client.pem"),
            key_file: self.file("client.key"),
        };
        Tls {
            ca_file: Some(self.file("ca.pem")),
            identity: Some(identity),
            insecure: false,
        }
    }
}

fn write(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).expect("the temporary folder is writable");
}

/// Writes an authority, and what it issues to the server and to its client; again into the same files.
fn certify(folder: &TempDir) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("ring makes keys");
    let ca = CertifiedIssuer::self_signed(params, key).expect("a legal authority");
    write(folder, "ca.pem", &ca.pem());
    for (name, host) in [("server", "127.0.0.1"), ("client", "pusher")] {
        let key = KeyPair::generate().expect("ring makes keys");
        let params = CertificateParams::new([host.to_owned()]).expect("a legal name");
        let certificate = params.signed_by(&key, &ca).expect("a legal certificate");
        write(folder, &format!("{name}.pem"), &certificate.pem());
        write(folder, &format!("{name}.key"), &key.serialize_pem());
    }
}

#[tokio::test]
async fn a_renewed_authority_and_identity_are_used_without_a_restart() {
    let mut guarded = Guarded::start().await;
    let key = GroupingKey::new("app");
    let gateway = guarded.gateway(guarded.tls()).unwrap();
    gateway.put(&key, "up 1\n").await.unwrap();
    for name in ["ca.pem", "client.pem", "client.key"] {
        let old = guarded.file(&format!("old-{name}"));
        std::fs::copy(guarded.file(name), old).unwrap();
    }
    let old = guarded
        .gateway(Tls {
            ca_file: Some(guarded.file("old-ca.pem")),
            identity: Some(Identity {
                cert_file: guarded.file("old-client.pem"),
                key_file: guarded.file("old-client.key"),
            }),
            insecure: false,
        })
        .unwrap();
    certify(&guarded.folder);
    // Connections that stand would go on.
    guarded.server.restart().await;
    let refused = old.put(&key, "up 1\n").await.unwrap_err();
    assert!(matches!(refused, Error::Unreachable { .. }), "{refused:?}");
    gateway.put(&key, "up 2\n").await.unwrap();
    let fresh = guarded.gateway(guarded.tls()).unwrap();
    fresh.put(&key, "up 3\n").await.unwrap();
}

#[tokio::test]
async fn only_the_right_certificates_open_a_guarded_gateway() {
    let guarded = Guarded::start().await;
    let key = GroupingKey::new("app");
    let put = async |tls: Tls| guarded.gateway(tls).unwrap().put(&key, "up 1\n").await;

    put(guarded.tls()).await.unwrap();
    put(Tls {
        ca_file: None,
        insecure: true,
        ..guarded.tls()
    })
    .await
    .unwrap();

    let nameless = put(Tls {
        identity: None,
        ..guarded.tls()
    })
    .await
    .unwrap_err();
    assert!(
        matches!(nameless, Error::Unreachable { .. }),
        "{nameless:?}"
    );
    // A certificate of another server, in the authority's place.
    let stranger = put(Tls {
        ca_file: Some(guarded.file("client.pem")),
        ..guarded.tls()
    })
    .await
    .unwrap_err();
    assert!(
        format!("{stranger:?}").contains("InvalidCertificate"),
        "{stranger:?}"
    );
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_at_the_start() {
    let guarded = Guarded::start().await;
    let refused = |tls: Tls| guarded.gateway(tls).unwrap_err();

    let missing = refused(Tls {
        ca_file: Some(guarded.file("missing.pem")),
        ..guarded.tls()
    });
    assert!(missing.to_string().contains("missing.pem"), "{missing:?}");
    let no_certificate = refused(Tls {
        ca_file: Some(guarded.file("web.yml")),
        ..guarded.tls()
    });
    assert!(
        no_certificate.to_string().contains("web.yml"),
        "{no_certificate:?}"
    );
    let identity = Identity {
        cert_file: guarded.file("client.pem"),
        key_file: guarded.file("server.key"),
    };
    let mismatch = refused(Tls {
        identity: Some(identity),
        ..guarded.tls()
    });
    assert!(mismatch.to_string().contains("server.key"), "{mismatch:?}");
}

#[test]
fn an_http_gateway_needs_no_authorities_at_all() {
    let mut access = Access::new("http://127.0.0.1:9091".parse().unwrap());
    access.tls.ca_file = Some("/does/not/exist".into());
    assert!(Gateway::new(&access).is_ok());
}
