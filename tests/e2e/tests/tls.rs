//! Triple over TLS with whole processes: found through ZooKeeper, renewed under way, and a wrong pair that both sides explain.

use std::process::Command;

use e2e::{Program, Summary};
use test_servers::{Authority, Issued, LONG, ZooKeeper, eventually};

fn server(zookeeper: &ZooKeeper) -> Command {
    let mut command = Program::server(&zookeeper.address());
    command.arg("--metrics=false");
    command
}

fn client(zookeeper: &ZooKeeper) -> Command {
    let mut command = Program::client(&zookeeper.address());
    command.args(["--metrics=false", "--interval=0s"]);
    command
}

/// Adds the files of a certificate to a command.
fn shows<'c>(command: &'c mut Command, issued: &Issued) -> &'c mut Command {
    command
        .arg("--tls-cert")
        .arg(&issued.cert)
        .arg("--tls-key")
        .arg(&issued.key)
}

#[tokio::test]
async fn certificates_of_both_sides_are_renewed_and_no_call_is_lost() {
    let zookeeper = ZooKeeper::start().await;
    let authority = Authority::new();
    let issue = || {
        (
            authority.issue("provider", &["greeter.example"]),
            authority.issue("consumer", &[]),
        )
    };
    let (provider, consumer) = issue();
    let mut server = server(&zookeeper);
    shows(&mut server, &provider)
        .arg("--tls-client-ca")
        .arg(authority.file())
        // Each connection is a handshake, with the files as they are then.
        .arg("--max-connection-age=200ms");
    let server = Program::start(&server);
    let mut client = client(&zookeeper);
    shows(&mut client, &consumer)
        .arg("--tls-ca")
        .arg(authority.file())
        .args(["--tls-server-name=greeter.example", "--concurrency=2"]);
    let mut client = Program::start(&client);
    // Both have read the first files when calls are answered.
    eventually(LONG, "calls are answered", async || {
        let called = lines(&client) > 0;
        called.then_some(()).ok_or_else(|| client.stderr())
    })
    .await;
    for _ in 0..4 {
        let (seen, answered) = (renewals(&server), lines(&client));
        issue();
        eventually(LONG, "the renewed files are in use", async || {
            let used = renewals(&server) > seen && lines(&client) > answered + 50;
            used.then_some(()).ok_or_else(|| server.stderr())
        })
        .await;
    }
    client.terminate();
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    let summary = Summary::read(&client.stdout()).expect("a summary");
    assert_eq!(summary.calls, summary.succeeded, "{}", summary.line);
}

fn renewals(server: &Program) -> usize {
    server
        .stderr()
        .matches("renewed TLS files are in use")
        .count()
}

fn lines(client: &Program) -> usize {
    client.stdout().lines().count()
}

#[tokio::test]
async fn an_expired_certificate_is_explained() {
    let zookeeper = ZooKeeper::start().await;
    let authority = Authority::new();
    let good = authority.issue("provider", &["127.0.0.1"]);
    let expired = authority.issue_expired("expired", &["127.0.0.1"]);
    let own = authority.issue("consumer", &[]);
    let (ours, theirs) = ("certificate expired", "received fatal alert: ");
    for (provider, consumer, at_server, at_client) in [
        (&expired, &own, theirs, Some(ours)),
        // With TLS 1.3 a provider refuses a certificate once the handshake is over for its consumer, which may not hear of it.
        (&good, &expired, ours, None),
    ] {
        let (mut server, mut client) = (server(&zookeeper), client(&zookeeper));
        shows(&mut server, provider)
            .arg("--tls-client-ca")
            .arg(authority.file());
        shows(&mut client, consumer)
            .arg("--tls-ca")
            .arg(authority.file());
        let mut server = Program::start(&server);
        let client = Program::start(&client);
        server.logged(at_server).await;
        let at_client = at_client.unwrap_or("no connection to a provider");
        client.logged(at_client).await;
        assert_eq!(lines(&client), 0, "no call was made: {}", client.stdout());
        server.terminate();
        server.wait(LONG).await;
    }
}

#[tokio::test]
async fn a_wrong_pair_is_explained_on_both_sides() {
    let zookeeper = ZooKeeper::start().await;
    let authority = Authority::new();
    let issued = authority.issue("provider", &["127.0.0.1"]);
    let (mut secure, mut trusting) = (server(&zookeeper), client(&zookeeper));
    shows(&mut secure, &issued);
    trusting.arg("--tls-ca").arg(authority.file());
    for (server, client, at_server, at_client) in [
        (
            &secure,
            &client(&zookeeper),
            "it speaks no TLS, which this port asks for (--tls-cert)",
            "the provider speaks TLS, which this consumer was not told to use: set --tls-ca",
        ),
        (
            &self::server(&zookeeper),
            &trusting,
            "it speaks TLS, and this port does not: set --tls-cert and --tls-key",
            "the provider speaks no TLS, which this consumer was told to use (--tls-ca)",
        ),
    ] {
        let mut server = Program::start(server);
        let client = Program::start(client);
        server.logged(at_server).await;
        client.logged(at_client).await;
        assert_eq!(lines(&client), 0, "no call was made: {}", client.stdout());
        server.terminate();
        server.wait(LONG).await;
    }
}
