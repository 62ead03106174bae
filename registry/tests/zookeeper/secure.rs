//! ZooKeeper within TLS, by SASL, and with nodes that everyone reads.

use credentials::{Authorities, ClientTls, Identity};
use dubbo_registry::{Auth, NodeAccess, Registry, ZooKeeperConfig, ZooKeeperRegistry};
use test_servers::{
    Authority, Folder, Issued, LONG, ZooKeeper, ZooKeeperSettings, eventually, free_port,
};
use zookeeper_client::{Acls, Client, CreateMode, Error as ZkError, SaslOptions};

use crate::support::*;

const INSTANCE: &str = "/services/my-app/127.0.0.1:20000";

/// Starts a server that speaks TLS beside its plain port, and asks its clients for certificates of the authority. Returns it and the address
/// of its port of TLS.
async fn secure(authority: &Authority) -> (ZooKeeper, String) {
    let shown = authority.issue("zookeeper", &["127.0.0.1"]);
    secure_with(authority, &shown, "TLSv1.2").await
}

/// Does what [`secure`] does with a server that shows this certificate, and speaks this version only.
async fn secure_with(authority: &Authority, shown: &Issued, version: &str) -> (ZooKeeper, String) {
    // ZooKeeper reads the key and the certificate from one file.
    let store = shown.cert.with_extension("both.pem");
    let both = [&shown.key, &shown.cert]
        .map(|path| std::fs::read_to_string(path).expect("the authority wrote it"));
    std::fs::write(&store, both.concat()).expect("the folder is writable");
    let port = free_port();
    let lines = [
        format!("secureClientPort={port}"),
        "secureClientPortAddress=127.0.0.1".to_owned(),
        "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory".to_owned(),
        format!("ssl.keyStore.location={}", store.display()),
        "ssl.keyStore.type=PEM".to_owned(),
        format!("ssl.trustStore.location={}", authority.file().display()),
        "ssl.trustStore.type=PEM".to_owned(),
        "ssl.clientAuth=need".to_owned(),
        "ssl.hostnameVerification=false".to_owned(),
        format!("ssl.protocol={version}"),
        format!("ssl.enabledProtocols={version}"),
    ];
    let mut lines = lines.to_vec();
    if version == "TLSv1.3" {
        // By itself ZooKeeper knows those of TLS 1.2 only.
        lines.push("ssl.ciphersuites=TLS_AES_128_GCM_SHA256".to_owned());
    }
    let settings = ZooKeeperSettings {
        lines,
        ..ZooKeeperSettings::default()
    };
    let zookeeper = ZooKeeper::start_with(settings).await;
    (zookeeper, format!("127.0.0.1:{port}"))
}

fn tls(authority: &Authority, shown: Option<&Issued>) -> ClientTls {
    let identity = shown.map(|shown| Identity {
        cert_file: shown.cert.clone(),
        key_file: shown.key.clone(),
    });
    ClientTls::new(Authorities::File(authority.file()), identity, &[])
        .expect("the authority wrote them")
}

fn over(address: String, tls: ClientTls) -> ZooKeeperConfig {
    ZooKeeperConfig::new(address).tls(tls)
}

#[tokio::test]
async fn a_registration_goes_over_tls_with_a_certificate_and_comes_back_after_an_outage() {
    let authority = Authority::new();
    let (mut zookeeper, address) = secure(&authority).await;
    let own = authority.issue("dubbo", &[]);
    let config = over(address, tls(&authority, Some(&own)));
    let registry = connect_with(config, &Recorder::default());
    announce(&registry).await;
    let operator = operator(&zookeeper).await;
    assert!(node(&operator, INSTANCE).await.is_some());
    drop(operator);
    // A renewed certificate is shown from the next connection on.
    authority.issue("dubbo", &[]);
    zookeeper.restart_empty().await;
    let operator = self::operator(&zookeeper).await;
    eventually(LONG, "the instance is there again", async || {
        node(&operator, INSTANCE).await
    })
    .await;
    registry.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_tls_is_said_and_nothing_goes_without() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (zookeeper, address) = secure(&authority).await;
    let own = authority.issue("dubbo", &[]);
    for (address, tls, expected) in [
        (
            address,
            tls(&stranger, Some(&own)),
            "invalid peer certificate",
        ),
        (
            zookeeper.address(),
            tls(&authority, Some(&own)),
            "no TLS connection came about",
        ),
        (
            "127.0.0.1:1".to_owned(),
            tls(&authority, None),
            "Connection refused",
        ),
    ] {
        refused(&address, tls, expected).await;
    }
    let operator = operator(&zookeeper).await;
    assert_eq!(operator.check_stat("/services").await.unwrap(), None);
}

/// Registers something over TLS, and waits until the reason that nothing comes of it has this text.
async fn refused(address: &str, tls: ClientTls, expected: &str) {
    let registry = connect_with(over(address.to_owned(), tls), &Recorder::default());
    let start = format!("no ZooKeeper answers over TLS at {address}: ");
    fails(&registry, &start, expected).await;
}

/// Registers something, and waits until the reason that nothing comes of it begins and goes on so.
async fn fails(registry: &ZooKeeperRegistry, start: &str, expected: &str) {
    let announcement = registry.register(registration("my-app", 20000));
    eventually(LONG, expected, async || {
        let said = announcement.failure().map(|error| error.to_string());
        let said = said.ok_or("nothing yet".to_owned())?;
        if said.starts_with(start) && said.contains(expected) {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_zookeeper_refuses_is_said() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let shown = authority.issue("zookeeper", &["127.0.0.1"]);
    let foreign = stranger.issue("dubbo", &[]);
    let expired = authority.issue_expired("dubbo", &[]);
    for version in ["TLSv1.2", "TLSv1.3"] {
        let (_zookeeper, address) = secure_with(&authority, &shown, version).await;
        for shown in [None, Some(&foreign), Some(&expired)] {
            let expected = "received fatal alert: ";
            refused(&address, tls(&authority, shown), expected).await;
        }
    }
}

#[tokio::test]
async fn an_expired_certificate_of_zookeeper_is_said() {
    let authority = Authority::new();
    let expired = authority.issue_expired("zookeeper", &["127.0.0.1"]);
    let (_zookeeper, address) = secure_with(&authority, &expired, "TLSv1.3").await;
    let own = authority.issue("dubbo", &[]);
    refused(&address, tls(&authority, Some(&own)), "certificate expired").await;
}

#[tokio::test]
async fn a_process_without_tls_at_a_port_of_tls_is_told_so() {
    let authority = Authority::new();
    let (_zookeeper, address) = secure(&authority).await;
    let registry = connect(address.clone());
    let start = format!("no ZooKeeper answers at {address}: ");
    fails(&registry, &start, "TLS").await;
}

#[tokio::test]
async fn a_process_logs_in_by_sasl_and_its_nodes_belong_to_it() {
    let folder = Folder::new("jaas-");
    let jaas = folder.path().join("jaas.conf");
    let module = "org.apache.zookeeper.server.auth.DigestLoginModule";
    let login = format!("Server {{ {module} required user_dubbo=\"secret\"; }};");
    std::fs::write(&jaas, login).expect("the folder is writable");
    let zookeeper = ZooKeeper::start_with(ZooKeeperSettings {
        properties: vec![format!(
            "java.security.auth.login.config={}",
            jaas.display()
        )],
        lines: [
            "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
            "sessionRequireClientSASLAuth=true",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..ZooKeeperSettings::default()
    })
    .await;
    let config = |auth: &str| {
        ZooKeeperConfig::new(zookeeper.address())
            .auth(auth.parse::<Auth>().expect("these are credentials"))
            .access(NodeAccess::Readable)
    };
    let registry = connect_with(config("sasl:dubbo:secret"), &Recorder::default());
    announce(&registry).await;
    let refused = connect_with(config("sasl:dubbo:wrong"), &Recorder::default());
    let announcement = refused.register(registration("my-app", 20001));
    eventually(LONG, "a refusal", async || {
        let said = announcement.failure().map(|error| error.to_string());
        let said = said.ok_or("nothing yet".to_owned())?;
        if said.contains("wrong") {
            Err(format!("it shows the password: {said}"))
        } else {
            Ok(())
        }
    })
    .await;
    let operator = Client::connector()
        .with_sasl(SaslOptions::digest_md5("dubbo", "secret"))
        .connect(&zookeeper.address())
        .await
        .unwrap();
    let (acls, _) = operator.get_acl(INSTANCE).await.unwrap();
    let written = format!("{acls:?}");
    assert!(
        written.contains("\"sasl\"") && written.contains("\"dubbo\""),
        "{written}"
    );
}

#[tokio::test]
async fn readable_nodes_are_read_by_everyone_and_written_by_their_owner_only() {
    let zookeeper = ZooKeeper::start().await;
    let config = ZooKeeperConfig::new(zookeeper.address())
        .auth("digest:dubbo:secret".parse().unwrap())
        .access(NodeAccess::Readable);
    let registry = connect_with(config, &Recorder::default());
    announce(&registry).await;
    let stranger = operator(&zookeeper).await;
    for path in ["/services", "/dubbo/mapping/greet.GreetService", INSTANCE] {
        assert!(node(&stranger, path).await.is_some(), "{path} is read");
        let denied = Some(ZkError::NoAuth);
        let written = stranger.set_data(path, b"x", None).await;
        assert_eq!(written.err(), denied, "{path}");
    }
    let child = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    let intruder = stranger.create("/services/my-app/127.0.0.1:1", b"x", &child);
    assert_eq!(intruder.await.err(), Some(ZkError::NoAuth));
    let reader = connect(zookeeper.address());
    let mut subscription = reader.subscribe(reference());
    available(&mut subscription).await;
}
