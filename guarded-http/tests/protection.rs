//! TLS and basic authentication, as curl sees them.

use std::path::PathBuf;

use axum::Router;
use axum::routing::get;
use guarded_http::{Identity, Login, PROTOCOLS, Protection, Secret, Server, ServerTls};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

/// A server at work, with the files of its certificate.
struct Guarded {
    port: u16,
    folder: TempDir,
}

impl Guarded {
    async fn start(login: bool) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        certify(&folder);
        let identity = Identity {
            cert_file: folder.path().join("cert.pem"),
            key_file: folder.path().join("key.pem"),
        };
        let tls = ServerTls::new(identity, None, PROTOCOLS);
        let guard = Protection {
            tls: Some(tls.expect("a certificate and its key")),
            login: login.then(|| {
                Login::new("prometheus", Secret::text("hunter2")).expect("a user and a password")
            }),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let router = guard.protect(Router::new().route("/", get(async || "hello")));
        let server = Server::new(router).tls(guard.tls);
        tokio::spawn(server.serve(listener, std::future::pending()));
        Self { port, folder }
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// Returns curl's exit code, and what the server answered with its status in the last line.
    async fn curl(&self, scheme: &str, options: &[&str]) -> (Option<i32>, String) {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--max-time",
                "30",
                "--noproxy",
                "*",
                "--write-out",
                "%{http_code}",
            ])
            .arg("--cacert")
            .arg(self.cert())
            .args(options)
            .arg(format!("{scheme}://localhost:{}/", self.port))
            .output()
            .await
            .expect("curl is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    }
}

/// Writes a new certificate for localhost, and its key.
fn certify(folder: &TempDir) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a legal name");
    let write = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).expect("the temporary folder is writable");
    };
    write("key.pem", made.signing_key.serialize_pem());
    write("cert.pem", made.cert.pem());
}

#[tokio::test]
async fn https_is_spoken_with_the_given_certificate() {
    let server = Guarded::start(false).await;
    assert_eq!(
        server.curl("https", &[]).await,
        (Some(0), "hello200".into())
    );
    for version in ["1.2", "1.3"] {
        let options = ["--tls-max", version, "--tlsv1.2"];
        assert_eq!(server.curl("https", &options).await.0, Some(0), "{version}");
    }
    let (code, _) = server
        .curl("https", &["--tls-max", "1.1", "--tlsv1.0"])
        .await;
    assert_eq!(code, Some(35), "older versions are refused");
}

#[tokio::test]
async fn who_types_http_is_told_about_https() {
    let server = Guarded::start(false).await;
    let (_, answer) = server.curl("http", &[]).await;
    assert_eq!(answer, "this port speaks https\n400");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_at_once_and_a_broken_one_never() {
    let server = Guarded::start(false).await;
    let hello = (Some(0), "hello200".to_owned());
    let first = std::fs::read(server.cert()).expect("it was written");
    certify(&server.folder);
    assert_ne!(std::fs::read(server.cert()).expect("it was written"), first);
    assert_eq!(server.curl("https", &[]).await, hello, "the new one");
    let key = server.folder.path().join("key.pem");
    let good = std::fs::read(&key).expect("it was written");
    std::fs::write(&key, "half a ke").expect("the folder is writable");
    assert_eq!(server.curl("https", &[]).await, hello, "the one before");
    std::fs::remove_file(&key).expect("the folder is writable");
    assert_eq!(server.curl("https", &[]).await, hello, "the one before");
    std::fs::write(&key, good).expect("the folder is writable");
    assert_eq!(server.curl("https", &[]).await, hello, "the one on disk");
}

#[tokio::test]
async fn the_login_is_asked_for_whatever_the_path_is() {
    let server = Guarded::start(true).await;
    let ok = (Some(0), "hello200".to_owned());
    assert_eq!(
        server
            .curl("https", &["--user", "prometheus:hunter2"])
            .await,
        ok
    );
    for options in [
        &["--user", "prometheus:wrong"][..],
        &["--user", "other:hunter2"],
        &[],
        &["--request-target", "/no/such/path"],
        &["--head"],
    ] {
        let (_, answer) = server.curl("https", options).await;
        assert!(answer.ends_with("401"), "{options:?}: {answer}");
        assert!(!answer.contains("hello"), "{options:?}: {answer}");
    }
    let (_, answer) = server.curl("https", &["--include"]).await;
    assert!(
        answer
            .to_lowercase()
            .contains("www-authenticate: basic realm=\"metrics\""),
        "{answer}"
    );
}

#[tokio::test]
async fn an_address_that_guesses_the_password_has_to_wait() {
    let server = Guarded::start(true).await;
    let right = ["--user", "prometheus:hunter2"];
    let status = async |options: &[&str]| {
        let (_, answer) = server.curl("https", options).await;
        answer[answer.len() - 3..].to_owned()
    };
    for guess in ["a", "b", "c", "d"] {
        assert_eq!(
            status(&["--user", &format!("prometheus:{guess}")]).await,
            "401"
        );
    }
    assert_eq!(status(&right).await, "200", "a few wrong ones cost nothing");
    let mut answers = Vec::new();
    for guess in 0..8 {
        answers.push(status(&["--user", &format!("prometheus:{guess}")]).await);
    }
    assert_eq!(answers[..5], ["401"; 5]);
    assert!(answers[5..].contains(&"429".to_owned()), "{answers:?}");
    assert_eq!(status(&[]).await, "401", "no password is no guess");
    test_servers::eventually(test_servers::LONG, "the wait is over", async || {
        let answer = status(&right).await;
        if answer == "200" { Ok(()) } else { Err(answer) }
    })
    .await;
}

#[tokio::test]
async fn a_scraper_must_show_a_certificate_where_it_is_asked_to() {
    let (authority, stranger) = (
        test_servers::Authority::new(),
        test_servers::Authority::new(),
    );
    let shown = authority.issue("metrics", &["localhost"]);
    let identity = Identity {
        cert_file: shown.cert.clone(),
        key_file: shown.key.clone(),
    };
    let tls = ServerTls::new(identity, Some(authority.file()), PROTOCOLS).expect("it was issued");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let router = Router::new().route("/", get(async || "hello"));
    tokio::spawn(
        Server::new(router)
            .tls(Some(tls))
            .serve(listener, std::future::pending()),
    );
    let known = authority.issue("prometheus", &[]);
    let foreign = stranger.issue("prometheus", &[]);
    for (certificate, expected) in [(Some(&known), "hello"), (Some(&foreign), ""), (None, "")] {
        let mut command = Command::new("curl");
        command.args(["--silent", "--max-time", "30", "--noproxy", "*", "--cacert"]);
        command.arg(authority.file());
        if let Some(issued) = certificate {
            command
                .arg("--cert")
                .arg(&issued.cert)
                .arg("--key")
                .arg(&issued.key);
        }
        let output = command
            .arg(format!("https://localhost:{port}/"))
            .output()
            .await;
        let output = output.expect("curl is installed");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            expected,
            "{certificate:?}"
        );
    }
}
