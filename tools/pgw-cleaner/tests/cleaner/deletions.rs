//! Deletions that fail, are denied, or are not made: what is tried again, and what is told.

use axum::http::Method;
use test_servers::Pushgateway;

use crate::support::{Action, Front, OPTIONS, expired, instances, push_some, run};

#[tokio::test]
async fn deletions_that_fail_once_are_repeated_after_a_new_reading() {
    let server = Pushgateway::start().await;
    push_some(&server, 5).await;
    expired(&server, &OPTIONS, 5).await;
    let front = Front::deciding(server.url(), |method, before| {
        match (method, before) {
            (Method::DELETE, 0) => Action::Answer(503),
            // It was done, but the answer is lost.
            (Method::DELETE, 1) => Action::LoseAnswer(504),
            _ => Action::Pass,
        }
    })
    .await;
    let ended = run(&front.url(), &OPTIONS).await;
    assert_eq!(
        (ended.code, &ended.report()["deleted"]),
        (0, &5.into()),
        "{ended:?}"
    );
    assert_eq!(
        front.count(&Method::DELETE),
        6,
        "the one whose answer was lost is not sent again"
    );
    assert!(instances(&server).await.is_empty());
}

#[tokio::test]
async fn deletions_that_keep_failing_are_reported_one_by_one() {
    let server = Pushgateway::start().await;
    push_some(&server, 3).await;
    expired(&server, &OPTIONS, 3).await;
    let front = Front::deciding(server.url(), |method, before| match method {
        Method::DELETE if before % 3 == 1 => Action::Answer(500),
        _ => Action::Pass,
    })
    .await;
    let ended = run(&front.url(), &[&OPTIONS[..], &["--workers", "1"]].concat()).await;
    // 500 for the second, then, alone in its batch, success: nothing is left.
    assert_eq!(
        (ended.code, &ended.report()["deleted"]),
        (0, &3.into()),
        "{ended:?}"
    );

    push_some(&server, 3).await;
    expired(&server, &OPTIONS, 3).await;
    let front = Front::deciding(server.url(), |method, _| {
        if method == Method::DELETE {
            Action::Answer(500)
        } else {
            Action::Pass
        }
    })
    .await;
    let ended = run(&front.url(), &OPTIONS).await;
    let report = ended.report();
    assert_eq!(
        (ended.code, &report["failed"], &report["error"]),
        (1, &3.into(), &().into()),
        "{ended:?}"
    );
    assert_eq!(front.count(&Method::DELETE), 9, "three tries each");
    let reason = report["groups"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("500 Internal Server Error"), "{reason}");
}

#[tokio::test]
async fn deletions_that_are_denied_end_the_pass_at_once() {
    let server = Pushgateway::start().await;
    push_some(&server, 20).await;
    expired(&server, &OPTIONS, 20).await;
    let front = Front::deciding(server.url(), |method, _| {
        if method == Method::DELETE {
            Action::Answer(403)
        } else {
            Action::Pass
        }
    })
    .await;
    let ended = run(&front.url(), &[&OPTIONS[..], &["--workers", "1"]].concat()).await;
    ended.failed(3, &["groups can be read but not deleted", "403 Forbidden"]);
    assert_eq!(front.count(&Method::DELETE), 1);
}

#[tokio::test]
async fn a_deletion_that_is_swallowed_is_found_by_the_last_reading() {
    let server = Pushgateway::start().await;
    push_some(&server, 2).await;
    expired(&server, &OPTIONS, 2).await;
    let front = Front::deciding(server.url(), |method, before| {
        if (method, before) == (Method::DELETE, 0) {
            Action::Answer(202)
        } else {
            Action::Pass
        }
    })
    .await;
    let ended = run(&front.url(), &OPTIONS).await;
    let report = ended.report();
    assert_eq!(
        (ended.code, &report["deleted"], &report["failed"]),
        (1, &1.into(), &1.into()),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("still lists the group"), "{ended:?}");
    let unverified = run(&front.url(), &[&OPTIONS[..], &["--verify=false"]].concat()).await;
    assert_eq!(
        (unverified.code, &unverified.report()["readings"]),
        (0, &2.into()),
        "{unverified:?}"
    );
}
