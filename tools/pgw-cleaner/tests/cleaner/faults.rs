//! Gateways that are down, hang, refuse, talk nonsense, or go away: exit code and message.

use std::sync::Arc;

use axum::http::Method;
use parking_lot::Mutex;
use pgw_cleaner::ExitStatus;
use test_servers::{LONG, Pushgateway, TcpProxy, free_port};
use tokio_util::sync::CancellationToken;

use crate::support::{Action, Front, OPTIONS, canned, cleaner, expired, push_some, run};

fn answer(head: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{head}\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_gateway_that_is_down() {
    let address = format!("127.0.0.1:{}", free_port());
    run(&address, &OPTIONS)
        .await
        .failed(3, &["cannot reach the Pushgateway", &address, "refused"]);
    let table = run(&address, &["--ttl", "1s"]).await;
    assert!(table.stdout.contains("could not be read"), "{table:?}");
}

#[tokio::test]
async fn a_gateway_that_hangs() {
    let server = Pushgateway::start().await;
    let proxy = TcpProxy::start(server.address()).await;
    proxy.block();
    let options = [&OPTIONS[..], &["--list-timeout", "300ms"]].concat();
    run(&proxy.address(), &options)
        .await
        .failed(3, &["did not answer within 300ms", &proxy.address()]);
}

#[tokio::test]
async fn a_gateway_that_refuses() {
    for (status, text) in [
        (401, "401 Unauthorized"),
        (403, "403 Forbidden"),
        (500, "500 Internal"),
        (302, "302 Found"),
    ] {
        let front = Front::deciding("http://127.0.0.1:1".into(), move |_, _| {
            Action::Answer(status)
        })
        .await;
        run(&front.url(), &OPTIONS)
            .await
            .failed(3, &[text, &front.address()]);
        // A server error may pass, and is tried again; a refusal is final.
        assert_eq!(front.count(&Method::GET), if status == 500 { 4 } else { 1 });
    }
}

#[tokio::test]
async fn a_gateway_that_is_none() {
    let date = "Date: Sun, 22 Nov 2026 14:57:42 GMT\r\n";
    let good = r#"{"status":"success","data":[]}"#;
    for (answer, text) in [
        (
            answer(date, "<html>It works!</html>"),
            "no listing of groups",
        ),
        (answer(date, "{}"), "no listing of groups"),
        (
            answer(date, r#"{"status":"error","data":[]}"#),
            "no listing of groups",
        ),
        (
            answer(
                date,
                r#"{"status":"success","data":[{"labels":{"job":"a"},"#,
            ),
            "no listing of groups",
        ),
        (answer("", good), "carries no date"),
        (answer("Date: yesterday\r\n", good), "carries no date"),
        (
            answer(&format!("{date}Age: 30\r\n"), good),
            "a reading that is 30 s old",
        ),
        (
            answer(date, good).replace("Length: 30", "Length: 31"),
            "cannot reach",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n".into(), "cannot reach"),
    ] {
        run(&canned(answer).await, &OPTIONS)
            .await
            .failed(3, &[text]);
    }
    let empty = run(&canned(answer(date, good)).await, &OPTIONS).await;
    assert_eq!(
        (empty.code, &empty.report()["seen"]),
        (0, &0.into()),
        "{empty:?}"
    );
}

#[tokio::test]
async fn a_gateway_without_the_api_is_refused_and_nothing_is_deleted() {
    let server = Pushgateway::start().await;
    push_some(&server, 2).await;
    expired(&server, &OPTIONS, 2).await;
    let front = Front::deciding(server.url(), |method, _| match method {
        Method::GET => Action::Answer(404),
        _ => Action::Pass,
    })
    .await;
    let ended = run(&front.url(), &OPTIONS).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("404"), "{ended:?}");
    assert_eq!(server.groups().await.len(), 2);
}

#[tokio::test]
async fn a_gateway_that_goes_away_in_the_middle_of_a_pass() {
    let server = Pushgateway::start().await;
    push_some(&server, 30).await;
    expired(&server, &OPTIONS, 30).await;
    // The program talks to a proxy that is cut by the front behind it, at the eleventh deletion.
    let cut: Arc<Mutex<Option<TcpProxy>>> = Arc::default();
    let scissors = Arc::clone(&cut);
    let front = Front::deciding(server.url(), move |method, before| {
        if (method, before) == (Method::DELETE, 10) {
            scissors.lock().as_ref().expect("it was put there").cut();
        }
        Action::Pass
    })
    .await;
    let proxy = TcpProxy::start(front.address()).await;
    let url = proxy.address();
    *cut.lock() = Some(proxy);

    let ended = run(&url, &[&OPTIONS[..], &["--workers", "1"]].concat()).await;
    ended.failed(3, &["cannot reach the Pushgateway", &url]);
    let report = ended.report();
    assert_eq!(
        (&report["deleted"], &report["kept"]),
        (&10.into(), &20.into()),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_gateway_that_hangs_in_the_middle_of_a_pass() {
    let server = Pushgateway::start().await;
    push_some(&server, 30).await;
    expired(&server, &OPTIONS, 30).await;
    let front = Front::start(server.url(), move |method, before| {
        Box::pin(async move {
            if method == Method::DELETE && before >= 10 {
                std::future::pending::<()>().await;
            }
            Action::Pass
        })
    })
    .await;
    let ended = run(
        &front.url(),
        &[&OPTIONS[..], &["--timeout", "200ms", "--workers", "2"]].concat(),
    )
    .await;
    ended.failed(
        3,
        &[
            "groups can be read but not deleted",
            "did not answer within 200ms",
        ],
    );
    // One batch with answers and three without; in each, every worker waited for one deletion and no more.
    assert!(front.count(&Method::DELETE) <= 10 + 4 * 2, "{ended:?}");
    assert_eq!(ended.report()["deleted"], 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pass_can_run_on_any_thread() {
    let mut cleaner = cleaner(&format!("127.0.0.1:{}", free_port()), LONG, &[]);
    let pass = tokio::spawn(async move { cleaner.pass(&CancellationToken::new()).await });
    assert_eq!(pass.await.unwrap().exit_status(), ExitStatus::Gateway);
}
