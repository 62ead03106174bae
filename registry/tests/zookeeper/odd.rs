//! Servers that are not as most are: each ends in working, or in an error that says what to do.

#![expect(clippy::unwrap_used, reason = "these are the hands of tests")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use dubbo_registry::{Auth, Error, Registry, SessionEvent, ZooKeeperConfig};
use test_servers::{LONG, ZooKeeper, ZooKeeperSettings, eventually, free_port};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use zookeeper_client::{Acl, Acls, AuthId, CreateMode, Permission};

use crate::support::*;

/// The one other server of an ensemble, which is absent.
fn ensemble() -> Vec<String> {
    let mut lines = vec!["initLimit=5".to_owned(), "syncLimit=5".to_owned()];
    lines
        .extend((1..=2).map(|id| format!("server.{id}=127.0.0.1:{}:{}", free_port(), free_port())));
    lines
}

/// Returns why nothing can be registered with this configuration.
async fn failure(config: ZooKeeperConfig) -> Error {
    let recorder = Recorder::default();
    let registry = connect_with(config, &recorder);
    let announcement = registry.register(registration("my-app", 20000));
    let failure = eventually(LONG, "the failure is told", async || announcement.failure()).await;
    assert!(
        !recorder.has(|event| *event == Event::Session(SessionEvent::Established)),
        "{recorder:?}"
    );
    failure
}

#[tokio::test]
async fn a_server_that_is_read_only_is_called_so() {
    let zookeeper = ZooKeeper::start_with(ZooKeeperSettings {
        properties: ["readonlymode.enabled=true"].map(str::to_owned).to_vec(),
        lines: ensemble(),
        ready: "Mode: read-only",
        ..ZooKeeperSettings::default()
    })
    .await;
    let text = failure(ZooKeeperConfig::new(zookeeper.address()))
        .await
        .to_string();
    assert!(text.contains("it is read-only"), "{text}");
}

#[tokio::test]
async fn a_server_without_its_ensemble_is_called_so() {
    let zookeeper = ZooKeeper::start_with(ZooKeeperSettings {
        lines: ensemble(),
        ready: "not currently serving",
        ..ZooKeeperSettings::default()
    })
    .await;
    let text = failure(ZooKeeperConfig::new(zookeeper.address()))
        .await
        .to_string();
    assert!(text.contains("no majority"), "{text}");
}

#[tokio::test]
async fn a_server_that_wants_sasl_says_what_is_missing() {
    let zookeeper = ZooKeeper::start_with(ZooKeeperSettings {
        properties: [
            "zookeeper.sessionRequireClientSASLAuth=true",
            "zookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..ZooKeeperSettings::default()
    })
    .await;
    let mut config = ZooKeeperConfig::new(zookeeper.address());
    let text = failure(config.clone()).await.to_string();
    assert!(text.contains("zk-auth") && text.contains("SASL"), "{text}");
    config.auth = Some(
        "digest:dubbo:secret"
            .parse::<Auth>()
            .expect("these are credentials"),
    );
    let text = failure(config).await.to_string();
    assert!(
        text.contains("\"digest\"") && text.contains("SASL") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_wants_digest_takes_it_and_tells_who_has_none() {
    let zookeeper = ZooKeeper::start_with(ZooKeeperSettings {
        properties: [
            "zookeeper.enforce.auth.enabled=true",
            "zookeeper.enforce.auth.schemes=digest",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..ZooKeeperSettings::default()
    })
    .await;
    let mut config = ZooKeeperConfig::new(zookeeper.address());
    let text = failure(config.clone()).await.to_string();
    assert!(text.contains("zk-auth"), "{text}");
    config.auth = Some(
        "digest:dubbo:secret"
            .parse::<Auth>()
            .expect("these are credentials"),
    );
    announce(&connect_with(config, &Recorder::default())).await;
}

#[tokio::test]
async fn a_chroot_that_cannot_be_made_is_named_and_entered_once_it_is_there() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    let reader = [Acl::new(
        Permission::READ | Permission::ADMIN,
        AuthId::anyone(),
    )];
    operator.set_acl("/", &reader, None).await.unwrap();
    let registry = connect(format!("{}/apps", zookeeper.address()));
    let announcement = registry.register(registration("my-app", 20000));
    let failure = eventually(LONG, "the failure is told", async || announcement.failure()).await;
    let text = failure.to_string();
    assert!(
        text.starts_with("ZooKeeper denies to create /apps: "),
        "{text}"
    );
    let anyone = [Acl::new(Permission::ALL, AuthId::anyone())];
    operator.set_acl("/", &anyone, None).await.unwrap();
    timeout(LONG, announcement.done()).await.unwrap().unwrap();
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    assert!(
        operator.create("/apps", b"", &options).await.is_err(),
        "it is there"
    );
}

/// Speaks for a server that gives sessions and closes each connection as soon as something is asked on it. Returns its address and the
/// number of its connections.
async fn refusing_to_answer() -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Relaxed);
            tokio::spawn(give_a_session(stream));
        }
    });
    (address, connections)
}

async fn give_a_session(mut stream: TcpStream) -> std::io::Result<()> {
    frame(&mut stream).await?;
    let mut granted = Vec::new();
    granted.extend(0_i32.to_be_bytes()); // protocol
    granted.extend(10_000_i32.to_be_bytes()); // timeout in milliseconds
    granted.extend(1_i64.to_be_bytes()); // session
    granted.extend(16_i32.to_be_bytes());
    granted.extend([1; 16]); // password
    granted.push(0); // not read-only
    send(&mut stream, &granted).await?;
    loop {
        let request = frame(&mut stream).await?;
        let (number, code) = (request[..4].to_vec(), &request[4..8]);
        let rc: i32 = match i32::from_be_bytes(code.try_into().unwrap()) {
            11 => 0,   // ping
            103 => -6, // getEphemerals, unimplemented
            _ => return Ok(()),
        };
        send(
            &mut stream,
            &[number, vec![0; 8], rc.to_be_bytes().to_vec()].concat(),
        )
        .await?;
    }
}

async fn frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut body = vec![0; stream.read_u32().await? as usize];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

async fn send(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    stream.write_u32(u32::try_from(body.len()).unwrap()).await?;
    stream.write_all(body).await
}

#[tokio::test]
async fn a_server_that_closes_the_connection_at_each_request_is_not_asked_without_a_pause() {
    let (address, connections) = refusing_to_answer().await;
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(address.to_string()), &recorder);
    let _announcement = registry.register(registration("my-app", 20000));
    let lost = |event: &Event| *event == Event::Session(SessionEvent::Disconnected);
    let began = Instant::now();
    eventually(LONG, "five connections are lost", async || {
        recorder.count(lost) >= 5
    })
    .await;
    let took = began.elapsed();
    // The pauses between them: 0.1, 0.2, 0.4 and 0.8 s, each at least.
    assert!(took > Duration::from_secs(1), "{took:?} for 5 connections");
    assert!(connections.load(Relaxed) < 10);
}
