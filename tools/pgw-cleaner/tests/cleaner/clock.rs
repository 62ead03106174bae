//! Whose clock counts: the gateway's, as long as it runs evenly.

use std::time::Duration;

use axum::http::Method;
use test_servers::Pushgateway;

use crate::support::{Action, Front, OPTIONS, expired, instances, push_some, run};

#[tokio::test]
async fn a_clock_that_jumps_during_a_pass_stops_it_before_anything_is_deleted() {
    let server = Pushgateway::start().await;
    push_some(&server, 2).await;
    expired(&server, &OPTIONS, 2).await;
    let front = Front::deciding(server.url(), |method, before| match (method, before) {
        (Method::GET, 1) => Action::PassAhead(Duration::from_secs(3600)),
        _ => Action::Pass,
    })
    .await;
    run(&front.url(), &OPTIONS)
        .await
        .failed(3, &["clock", "was set by 3"]);
    assert_eq!(
        (front.count(&Method::DELETE), instances(&server).await.len()),
        (0, 2)
    );
}

#[tokio::test]
async fn our_own_clock_plays_no_part() {
    let server = Pushgateway::start().await;
    push_some(&server, 2).await;
    let ahead = |by| Front::deciding(server.url(), move |_, _| Action::PassAhead(by));
    let young = ahead(Duration::from_secs(3000)).await;
    let old = ahead(Duration::from_secs(4000)).await;
    let options = ["--ttl", "1h", "--output", "json"];
    assert_eq!(run(&young.url(), &options).await.report()["deleted"], 0);
    assert_eq!(run(&old.url(), &options).await.report()["deleted"], 2);
}
