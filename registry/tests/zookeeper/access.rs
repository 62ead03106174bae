//! Who may do what: chroot, authentication, access control lists.

use dubbo_registry::{Auth, Error, Registry, SessionEvent, ZooKeeperConfig};
use test_servers::{LONG, ZooKeeper, eventually};
use tokio::time::timeout;
use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

use crate::support::*;

fn with_auth(zookeeper: &ZooKeeper, auth: &str) -> ZooKeeperConfig {
    let auth: Auth = auth.parse().expect("these are credentials");
    ZooKeeperConfig::new(zookeeper.address()).auth(auth)
}

#[tokio::test]
async fn everything_lives_below_the_chroot() {
    let zookeeper = ZooKeeper::start().await;
    let registry = connect(format!("{}/apps/dev", zookeeper.address()));
    let mut subscription = registry.subscribe(reference());
    announce(&registry).await;
    available(&mut subscription).await;
    let operator = operator(&zookeeper).await;
    for path in [
        "/apps/dev/services/my-app/127.0.0.1:20000",
        "/apps/dev/dubbo/mapping/greet.GreetService",
    ] {
        assert!(node(&operator, path).await.is_some(), "{path} is there");
    }
    assert_eq!(
        operator
            .list_children("/apps/dev/prometheus/dubbo")
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        operator.check_stat("/services").await.unwrap(),
        None,
        "nothing is outside"
    );
    let outside = connect(zookeeper.address()).subscribe(reference());
    assert!(outside.providers().is_empty());
    registry.close().await;
    assert!(
        operator
            .list_children("/apps/dev/prometheus/dubbo")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_server_that_lost_the_chroot_gets_it_again() {
    let mut zookeeper = ZooKeeper::start().await;
    let registry = connect(format!("{}/apps", zookeeper.address()));
    announce(&registry).await;
    zookeeper.restart_empty().await;
    let operator = operator(&zookeeper).await;
    eventually(LONG, "the instance is there again", async || {
        node(&operator, "/apps/services/my-app/127.0.0.1:20000").await
    })
    .await;
}

#[tokio::test]
async fn nodes_of_an_authenticated_process_belong_to_it_and_prometheus_can_read_its_member() {
    let zookeeper = ZooKeeper::start().await;
    let registry = connect_with(
        with_auth(&zookeeper, "digest:dubbo:secret"),
        &Recorder::default(),
    );
    announce(&registry).await;
    let stranger = operator(&zookeeper).await;
    let denied = Some(zookeeper_client::Error::NoAuth);
    assert_eq!(
        stranger
            .get_data("/services/my-app/127.0.0.1:20000")
            .await
            .err(),
        denied
    );
    assert_eq!(
        stranger.list_children("/services/my-app").await.err(),
        denied
    );
    let members = stranger.list_children("/prometheus/dubbo").await.unwrap();
    let path = format!("/prometheus/dubbo/{}", members[0]);
    assert!(node(&stranger, &path).await.unwrap().0.contains("my-app"));
    assert_eq!(stranger.delete(&path, None).await.err(), denied);
    let colleague = connect_with(
        with_auth(&zookeeper, "digest:dubbo:secret"),
        &Recorder::default(),
    );
    let mut subscription = colleague.subscribe(reference());
    assert_eq!(available(&mut subscription).await, [20000]);
}

#[tokio::test]
async fn a_denied_provider_is_told_what_to_do_and_goes_on_trying() {
    let zookeeper = ZooKeeper::start().await;
    let owner = Client::connector()
        .with_auth("digest", b"owner:secret")
        .connect(&zookeeper.address())
        .await
        .unwrap();
    owner
        .create(
            "/services",
            b"",
            &CreateMode::Persistent.with_acls(Acls::creator_all()),
        )
        .await
        .unwrap();
    let recorder = Recorder::default();
    let registry = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let announcement = registry.register(registration("my-app", 20000));
    let failure = eventually(LONG, "the failure is told", async || announcement.failure()).await;
    assert!(matches!(failure, Error::Denied { .. }), "{failure}");
    let text = failure.to_string();
    assert!(
        text.contains("/services/my-app/127.0.0.1:20000") && text.contains("zk-auth"),
        "{text}"
    );
    let anyone = [Acl::new(Permission::ALL, AuthId::anyone())];
    owner.set_acl("/services", &anyone, None).await.unwrap();
    timeout(LONG, announcement.done()).await.unwrap().unwrap();
    assert!(announcement.failure().is_none());
    assert!(
        recorder
            .has(|event| matches!(event, Event::Registered(Err(text)) if text.contains("denies")))
    );
    assert!(recorder.has(|event| *event == Event::Registered(Ok(()))));
}

#[tokio::test]
async fn a_denied_consumer_is_told_and_goes_on_trying() {
    let zookeeper = ZooKeeper::start().await;
    let owner = connect_with(
        with_auth(&zookeeper, "digest:dubbo:secret"),
        &Recorder::default(),
    );
    announce(&owner).await;
    let recorder = Recorder::default();
    let consumer = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let mut subscription = consumer.subscribe(reference());
    eventually(LONG, "the denial is told", async || {
        recorder
            .has(|event| matches!(event, Event::Subscribed(Err(text)) if text.contains("denies")))
    })
    .await;
    let client = Client::connector()
        .with_auth("digest", b"dubbo:secret")
        .connect(&zookeeper.address())
        .await
        .unwrap();
    let anyone = [Acl::new(Permission::ALL, AuthId::anyone())];
    for path in [
        MAPPING,
        "/services/my-app",
        "/services/my-app/127.0.0.1:20000",
    ] {
        client.set_acl(path, &anyone, None).await.unwrap();
    }
    available(&mut subscription).await;
}

#[tokio::test]
async fn a_scheme_that_the_server_does_not_know_is_named_without_the_credentials() {
    let zookeeper = ZooKeeper::start().await;
    let recorder = Recorder::default();
    let registry = connect_with(with_auth(&zookeeper, "nonsense:secret"), &recorder);
    let announcement = registry.register(registration("my-app", 20000));
    let failure = eventually(LONG, "the failure is told", async || announcement.failure()).await;
    let text = failure.to_string();
    assert!(matches!(failure, Error::Credentials { .. }), "{text}");
    assert!(
        text.contains("nonsense") && !text.contains("secret"),
        "{text}"
    );
    assert!(!recorder.has(|event| *event == Event::Session(SessionEvent::Established)));
}
