//! A push before the second reading keeps the group.

use axum::http::Method;
use serde_json::Value;
use test_servers::Pushgateway;

use crate::support::{Action, Front, OPTIONS, client, expired, instances, push_some, run};

fn outcomes(report: &Value) -> Vec<(&str, &str)> {
    let groups = report["groups"].as_array().expect("a list of groups");
    let mut outcomes: Vec<_> = groups
        .iter()
        .map(|group| (&group["labels"]["instance"], &group["outcome"]))
        .map(|(instance, outcome)| {
            (
                instance.as_str().expect("a text"),
                outcome.as_str().expect("a text"),
            )
        })
        .collect();
    outcomes.sort_unstable();
    outcomes
}

#[tokio::test]
async fn a_push_between_the_list_and_the_second_reading_saves_the_group() {
    let server = Pushgateway::start().await;
    let keys = push_some(&server, 3).await;
    expired(&server, &OPTIONS, 3).await;
    let (gateway, saved) = (client(&server.url()), keys[1].clone());
    let front = Front::start(server.url(), move |method, before| {
        let (gateway, saved) = (gateway.clone(), saved.clone());
        Box::pin(async move {
            if (method, before) == (Method::GET, 1) {
                gateway
                    .put(&saved, "up 2\n")
                    .await
                    .expect("the gateway is there");
            }
            Action::Pass
        })
    })
    .await;

    let ended = run(&front.url(), &OPTIONS).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let report = ended.report();
    assert_eq!(
        outcomes(&report),
        [
            ("host-0000:1", "deleted"),
            ("host-0001:1", "pushed_again"),
            ("host-0002:1", "deleted")
        ]
    );
    assert_eq!(instances(&server).await, ["host-0001:1"]);
    assert_eq!(
        (report["readings"].as_u64(), front.count(&Method::DELETE)),
        (Some(3), 2)
    );
    assert!(
        report["window_seconds"]
            .as_f64()
            .is_some_and(|window| window > 0.0)
    );
}

#[tokio::test]
async fn a_push_during_a_batch_saves_the_groups_of_later_batches() {
    let server = Pushgateway::start().await;
    let keys = push_some(&server, 4).await;
    expired(&server, &OPTIONS, 4).await;
    let (gateway, saved) = (client(&server.url()), keys[2..].to_vec());
    let front = Front::start(server.url(), move |method, before| {
        let (gateway, saved) = (gateway.clone(), saved.clone());
        Box::pin(async move {
            if (method, before) == (Method::DELETE, 1) {
                for key in &saved {
                    gateway
                        .put(key, "up 2\n")
                        .await
                        .expect("the gateway is there");
                }
            }
            Action::Pass
        })
    })
    .await;

    let options = [&OPTIONS[..], &["--batch-size", "2", "--workers", "1"]].concat();
    let ended = run(&front.url(), &options).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(instances(&server).await, ["host-0002:1", "host-0003:1"]);
    assert_eq!(front.count(&Method::DELETE), 2);
}

#[tokio::test]
async fn a_reading_that_has_grown_too_old_is_made_again() {
    let server = Pushgateway::start().await;
    push_some(&server, 6).await;
    expired(&server, &OPTIONS, 6).await;
    let front = Front::start(server.url(), |method, _| {
        Box::pin(async move {
            if method == Method::DELETE {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Action::Pass
        })
    })
    .await;
    let options = [&OPTIONS[..], &["--workers", "2", "--max-window", "10ms"]].concat();
    let ended = run(&front.url(), &options).await;
    let report = ended.report();
    // One to select, one for each pair, one to verify.
    assert_eq!(
        (report["deleted"].as_u64(), report["readings"].as_u64()),
        (Some(6), Some(5)),
        "{ended:?}"
    );
}
