//! Triple over TLS: both sides, the certificates that callers show, renewal, and peers that do not speak it.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dubbo_registry::{MemoryRegistry, Registry as _};
use greet::greet_service_client::GreetServiceClient;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use support::{client, greet, reference};
use test_servers::{Authority, Issued, LONG, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Request, Response, Status};
use triple::{
    Consumer, ConsumerOptions, ConsumerTls, PROVIDER_PROTOCOLS, Peer, Provider, ServerTls, Serving,
    Workers,
};

/// Answers with who calls.
#[derive(Clone, Default)]
struct WhoCalls;

#[tonic::async_trait]
impl GreetService for WhoCalls {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let peer = Peer::of(&request);
        let certificate = peer.certificate.as_ref().map(|shown| shown.subject());
        Ok(Response::new(GreetResponse {
            greeting: format!(
                "{} {}",
                certificate.unwrap_or("-"),
                peer.application.as_deref().unwrap_or("-")
            ),
        }))
    }
}

fn identity(issued: &Issued) -> credentials::Identity {
    credentials::Identity {
        cert_file: issued.cert.clone(),
        key_file: issued.key.clone(),
    }
}

fn server_tls(issued: &Issued, clients: Option<&Authority>) -> ServerTls {
    let authority = clients.map(Authority::file);
    ServerTls::new(identity(issued), authority, PROVIDER_PROTOCOLS).unwrap()
}

fn consumer_tls(authority: &Authority, issued: Option<&Issued>) -> ConsumerOptions {
    ConsumerOptions::default()
        .tls(ConsumerTls::new(authority.file(), issued.map(identity)).unwrap())
        .application("caller")
}

async fn serve(tls: Option<ServerTls>) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = Provider::new("greeter")
        .service(
            GreetServiceServer::new(WhoCalls),
            greet::FILE_DESCRIPTOR_SET,
        )
        .unwrap();
    let provider = match tls {
        Some(tls) => provider.tls(tls),
        None => provider,
    };
    provider.serve(listener, &Workers::here()).await.unwrap()
}

fn direct(serving: &Serving, options: ConsumerOptions) -> support::Client {
    let address = serving.address().to_string();
    let consumer = Consumer::direct(&address, &reference(), &Workers::here(), options).unwrap();
    GreetServiceClient::new(consumer)
}

#[tokio::test]
async fn a_consumer_calls_over_tls_what_the_registry_lists() {
    let authority = Authority::new();
    let issued = authority.issue("provider", &["127.0.0.1"]);
    let registry = MemoryRegistry::new();
    let mut serving = serve(Some(server_tls(&issued, None))).await;
    let announcement = serving.announce(&registry, "127.0.0.1").unwrap();
    announcement.done().await.unwrap();
    let mut listed = registry.subscribe(reference());
    let providers = listed.changed().await.unwrap();
    assert_eq!(
        providers[0].params["ssl-enabled"], "true",
        "as Java says it"
    );
    let client = client(&registry, consumer_tls(&authority, None));
    assert_eq!(greet(&client).await.unwrap(), "- caller");
}

#[tokio::test]
async fn a_caller_must_show_a_certificate_where_it_is_asked_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let provider = authority.issue("provider", &["127.0.0.1"]);
    let serving = serve(Some(server_tls(&provider, Some(&authority)))).await;
    let shown = authority.issue("client", &[]);
    let known = direct(&serving, consumer_tls(&authority, Some(&shown)));
    assert_eq!(greet(&known).await.unwrap(), "CN=client caller");
    let foreign = stranger.issue("client", &[]);
    for shown in [None, Some(&foreign)] {
        let refused = direct(&serving, consumer_tls(&authority, shown));
        let status = greet(&refused).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
    }
}

#[tokio::test]
async fn a_provider_must_show_the_right_name_from_the_right_authority() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let provider = authority.issue("provider", &["greeter.example"]);
    let serving = serve(Some(server_tls(&provider, None))).await;
    let named = |authority: &Authority, name: Option<&str>| {
        let tls = ConsumerTls::new(authority.file(), None).unwrap();
        let tls = match name {
            Some(name) => tls.server_name(name).unwrap(),
            None => tls,
        };
        let options = ConsumerOptions::default().tls(tls);
        direct(&serving, options)
    };
    greet(&named(&authority, Some("greeter.example")))
        .await
        .unwrap();
    for wrong in [
        named(&authority, None),
        named(&authority, Some("other.example")),
        named(&stranger, Some("greeter.example")),
    ] {
        greet(&wrong).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_consumer_that_is_told_to_use_tls_never_falls_back_to_plain() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // A plain HTTP/2 server that notes with what each connection begins.
    let (sender, mut begins) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let sender = sender.clone();
            tokio::spawn(async move {
                stream
                    .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
                    .await
                    .unwrap();
                let mut first = [0];
                let _ = stream.read(&mut first).await;
                let _ = sender.send(first[0]);
            });
        }
    });
    let options = consumer_tls(&authority, None);
    let consumer = Consumer::direct(&address, &reference(), &Workers::here(), options).unwrap();
    let client = GreetServiceClient::new(consumer);
    greet(&client).await.unwrap_err();
    for _ in 0..3 {
        assert_eq!(begins.recv().await.unwrap(), 22, "a handshake of TLS");
    }
}

#[tokio::test]
async fn a_plain_consumer_gets_nothing_from_a_port_of_tls_and_the_reverse() {
    let authority = Authority::new();
    let issued = authority.issue("provider", &["127.0.0.1"]);
    let secure = serve(Some(server_tls(&issued, None))).await;
    greet(&direct(&secure, ConsumerOptions::default()))
        .await
        .unwrap_err();
    let plain = serve(None).await;
    greet(&direct(&plain, consumer_tls(&authority, None)))
        .await
        .unwrap_err();
    for (serving, said, heard) in [
        (
            &secure,
            &b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..],
            "this port speaks TLS only: use https",
        ),
        (
            &secure,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "this port speaks TLS only",
        ),
        (
            &plain,
            b"\x16\x03\x01\x00\x05hello",
            "this port speaks no TLS: use http",
        ),
    ] {
        let mut stream = TcpStream::connect(serving.address()).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains(heard), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_speaks_http1_and_http2_in_both_versions_of_tls() {
    let authority = Authority::new();
    let issued = authority.issue("provider", &["127.0.0.1"]);
    let serving = serve(Some(server_tls(&issued, None))).await;
    for version in [
        ["--tlsv1.2", "--tls-max", "1.2"],
        ["--tlsv1.3", "--tls-max", "1.3"],
    ] {
        for (http, expected) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let output = std::process::Command::new("curl")
                .args(["--silent", "--max-time", "30", "--noproxy", "*", http])
                .args(version)
                .args(["--write-out", " %{http_version}"])
                .args(["-H", "content-type: application/json", "-d", "{}"])
                .arg("--cacert")
                .arg(authority.file())
                .arg(format!(
                    "https://{}/greet.GreetService/Greet",
                    serving.address()
                ))
                .output();
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(
                said,
                format!("{{\"greeting\":\"- -\"}} {expected}"),
                "{version:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_no_call_is_lost() {
    let authority = Authority::new();
    let first = authority.issue("provider", &["127.0.0.1"]);
    let serving = serve(Some(server_tls(&first, None))).await;
    let client = direct(&serving, consumer_tls(&authority, None));
    let done = Arc::new(AtomicUsize::new(0));
    let calls = tokio::spawn({
        let (client, done) = (client.clone(), Arc::clone(&done));
        async move {
            loop {
                greet(&client).await.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let mut shown = Vec::new();
    for _ in 0..5 {
        shown.push(shown_certificate(&serving, &authority).await);
        // The key is there before its certificate, as when the two files are written one after the other.
        authority.issue("provider", &["127.0.0.1"]);
        let before = done.load(Ordering::Relaxed);
        eventually(LONG, "calls go on", async || {
            (done.load(Ordering::Relaxed) > before + 20)
                .then_some(())
                .ok_or("")
        })
        .await;
    }
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), 5, "each renewed certificate was shown");
    assert!(!calls.is_finished(), "no call failed");
    calls.abort();
}

/// Connects, and returns the certificate that the provider shows.
async fn shown_certificate(serving: &Serving, authority: &Authority) -> Vec<u8> {
    use tokio_rustls::rustls::pki_types::ServerName;
    let tls = credentials::ClientTls::new(
        credentials::Authorities::File(authority.file()),
        None,
        &["h2"],
    )
    .unwrap();
    let connector = tokio_rustls::TlsConnector::from(tls.config().await);
    let stream = TcpStream::connect(serving.address()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_session_is_resumed() {
    use tokio_rustls::rustls::HandshakeKind;
    use tokio_rustls::rustls::pki_types::ServerName;
    let authority = Authority::new();
    let issued = authority.issue("provider", &["127.0.0.1"]);
    let serving = serve(Some(server_tls(&issued, None))).await;
    let authorities = credentials::Authorities::File(authority.file());
    let tls = credentials::ClientTls::new(authorities, None, &["h2"]).unwrap();
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let connector = tokio_rustls::TlsConnector::from(tls.config().await);
        let stream = TcpStream::connect(serving.address()).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        // A server's tickets come after its handshake, and are read with its SETTINGS.
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .await
            .unwrap();
        let mut settings = [0; 9];
        stream.read_exact(&mut settings).await.unwrap();
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
    }
    assert_eq!(kinds[1..], [HandshakeKind::Resumed; 2], "{kinds:?}");
}

#[tokio::test]
async fn a_peer_that_is_silent_within_tls_is_let_go() {
    let authority = Authority::new();
    let issued = authority.issue("provider", &["127.0.0.1"]);
    let serving = serve(Some(server_tls(&issued, None))).await;
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    // A record of a handshake that never comes whole.
    stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
    ended.await.expect("the connection ends");
}
