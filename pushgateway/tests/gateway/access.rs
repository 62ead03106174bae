//! Who may in, what a refusal looks like, and that no secret is seen in it.

use std::time::{Duration, SystemTime};

use pushgateway::{Access, Credentials, Error, Gateway, GroupingKey, Secret};
use tempfile::TempDir;
use test_servers::{Pushgateway, TcpProxy, free_port};

use crate::client;

/// The user `alice` with the password `hunter2`, as bcrypt spells it.
const USERS: &str =
    "basic_auth_users:\n  alice: $2b$04$abcdefghijklmnopqrstuuV3duMsC0HpUex6N9qapiuOHHWkwRXVm\n";

async fn guarded() -> (Pushgateway, TempDir) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("web.yml");
    std::fs::write(&file, USERS).expect("the temporary folder is writable");
    (
        Pushgateway::start_with(&[&format!("--web.config.file={}", file.display())]).await,
        folder,
    )
}

fn key() -> GroupingKey {
    GroupingKey::new("app")
}

/// Returns everything that an error may show anywhere.
fn shown(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| {
        cause.source()
    });
    causes.map(|cause| format!("{cause} {cause:?} ")).collect()
}

#[tokio::test]
async fn basic_authentication_opens_the_door() {
    let (server, folder) = guarded().await;
    let with_user = format!("http://alice:hunter2@{}", server.address());
    client(&with_user).put(&key(), "up 1\n").await.unwrap();

    let file = folder.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let mut access = Access::new(server.url().parse().unwrap());
    access.credentials = Credentials::Basic {
        user: "alice".into(),
        password: Secret::file(&file).unwrap(),
    };
    let gateway = Gateway::new(&access).unwrap();
    assert_eq!(
        gateway
            .put(&key(), "up 1\n")
            .await
            .unwrap_err()
            .status()
            .unwrap()
            .as_u16(),
        401
    );
    std::fs::write(&file, "hunter2\n").unwrap();
    gateway.put(&key(), "up 1\n").await.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(
        gateway.put(&key(), "up 1\n").await,
        Err(Error::Credentials(_))
    ));
}

#[tokio::test]
async fn a_refusal_names_the_gateway_and_hides_the_password() {
    let (server, _folder) = guarded().await;
    let gateway = client(&format!("http://alice:hunter3@{}", server.address()));
    for error in [
        gateway.put(&key(), "up 1\n").await.unwrap_err(),
        gateway.delete(&key()).await.unwrap_err(),
    ] {
        assert!(!error.is_transient());
        let shown = shown(&error);
        assert!(
            shown.contains("401") && shown.contains(&server.address()),
            "{shown}"
        );
        assert!(
            !shown.contains("hunter3") && !shown.contains("alice"),
            "{shown}"
        );
    }
    assert!(!format!("{gateway:?}").contains("hunter3"));
}

#[tokio::test]
async fn a_body_that_is_refused_says_why() {
    let server = Pushgateway::start().await;
    let error = client(&server.url())
        .put(&key(), "not a metric at all!\n")
        .await
        .unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 400);
    assert!(
        error.to_string().contains("text format parsing error"),
        "{error}"
    );
    assert!(!error.to_string().contains('\n'));
}

#[tokio::test]
async fn an_empty_job_is_refused_by_the_gateway() {
    let server = Pushgateway::start().await;
    let error = client(&server.url())
        .put(&GroupingKey::new(""), "up 1\n")
        .await
        .unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 400);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_unreachable_without_the_password() {
    let error = client(&format!("http://alice:hunter2@127.0.0.1:{}", free_port()))
        .delete(&key())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient());
    let shown = shown(&error);
    assert!(
        shown.contains("refused") && !shown.contains("hunter2") && !shown.contains("alice"),
        "{shown}"
    );
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let server = Pushgateway::start().await;
    let proxy = TcpProxy::start(server.address()).await;
    let mut access = Access::new(proxy.address().parse().unwrap());
    access.timeout = Duration::from_millis(300);
    let gateway = Gateway::new(&access).unwrap();
    gateway.put(&key(), "up 1\n").await.unwrap();
    proxy.block();
    let asked = SystemTime::now();
    let error = gateway.put(&key(), "up 1\n").await.unwrap_err();
    assert!(
        matches!(error, Error::TimedOut { .. }) && error.is_transient(),
        "{error:?}"
    );
    assert!(
        asked.elapsed().unwrap() >= access.timeout,
        "not before the deadline"
    );
    proxy.restore();
    gateway.put(&key(), "up 1\n").await.unwrap();
}
