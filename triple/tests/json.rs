//! Calls as JSON over plain HTTP, as `curl` makes them.
#![allow(clippy::unwrap_used)]

mod support;

use reqwest::{Client, Method, RequestBuilder};
use support::{Behaviour, serve};
use tonic::Status;
use triple::business_error;

/// One client for HTTP/1.1 and one for HTTP/2 with prior knowledge.
fn clients() -> [Client; 2] {
    [
        Client::builder().http1_only().build().unwrap(),
        Client::builder().http2_prior_knowledge().build().unwrap(),
    ]
}

fn post(client: &Client, serving: &triple::Serving, body: &str) -> RequestBuilder {
    client
        .post(format!(
            "http://{}/greet.GreetService/Greet",
            serving.address()
        ))
        .header("content-type", "application/json")
        .body(body.to_owned())
}

/// Sends the request and returns status, content type and body.
async fn answer(request: RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap();
    let content_type = content_type.to_owned();
    (
        response.status().as_u16(),
        content_type,
        response.text().await.unwrap(),
    )
}

fn json(status: u16, body: &str) -> (u16, String, String) {
    (status, "application/json".to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_greeting_is_json_over_both_versions_of_http() {
    let serving = serve(&Behaviour::default()).await;
    for client in clients() {
        let got = answer(post(&client, &serving, r#"{"name":"Dubbo"}"#)).await;
        assert_eq!(got, json(200, r#"{"greeting":"hello Dubbo"}"#));
    }
}

#[tokio::test]
async fn a_charset_behind_the_content_type_is_fine() {
    let serving = serve(&Behaviour::default()).await;
    let request = post(&clients()[0], &serving, "{}")
        .header("content-type", "application/json; charset=utf-8");
    assert_eq!(answer(request).await.0, 200);
}

#[tokio::test]
async fn errors_have_dubbos_code_and_http_status() {
    let cases: [(fn() -> Status, _); 2] = [
        (
            || business_error("random error"),
            json(500, r#"{"code":"code_17","message":"random error"}"#),
        ),
        (
            || Status::not_found("nobody"),
            json(404, r#"{"code":"not_found","message":"nobody"}"#),
        ),
    ];
    for (error, expected) in cases {
        let serving = serve(&Behaviour::failing(error)).await;
        let got = answer(post(&clients()[0], &serving, "{}")).await;
        assert_eq!(got, expected);
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_request_is_a_bad_request() {
    let serving = serve(&Behaviour::default()).await;
    for body in [
        "",
        "{",
        r#"{"nome":"Dubbo"}"#,
        r#"{"name":1}"#,
        "{} {}",
        "[]",
    ] {
        let (status, _, text) = answer(post(&clients()[0], &serving, body)).await;
        assert_eq!(status, 400, "{body}: {text}");
        assert!(
            text.contains(r#""code":"invalid_argument""#),
            "{body}: {text}"
        );
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let serving = serve(&Behaviour::default()).await;
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(5 * 1024 * 1024));
    let (status, _, text) = answer(post(&clients()[0], &serving, &large)).await;
    assert_eq!(status, 429, "{text}");
    assert!(text.contains("resource_exhausted"), "{text}");
}

#[tokio::test]
async fn what_is_no_call_gets_the_status_of_any_web_server() {
    let serving = serve(&Behaviour::default()).await;
    let client = &clients()[0];
    let at = |path: &str| format!("http://{}{path}", serving.address());
    let greet = at("/greet.GreetService/Greet");
    let cases = [
        (client.request(Method::GET, &greet), 405),
        (client.post(&greet).header("content-type", "text/html"), 415),
        (client.post(at("/greet.GreetService/Nope")), 404),
        (client.get(at("/")), 404),
    ];
    for (request, expected) in cases {
        let (status, _, text) = answer(request).await;
        assert_eq!(status, expected, "{text}");
    }
}

#[tokio::test]
async fn group_and_deadline_are_honoured() {
    let slow = Behaviour::taking(std::time::Duration::from_secs(3600));
    let serving = serve(&slow).await;
    let client = &clients()[0];
    let late = post(client, &serving, "{}").header("triple-timeout-ms", "50");
    let (status, _, text) = answer(late).await;
    assert_eq!(
        (status, text.contains("deadline_exceeded")),
        (408, true),
        "{text}"
    );
    let other = post(client, &serving, "{}").header("tri-service-group", "blue");
    let (status, _, text) = answer(other).await;
    assert_eq!(
        (status, text.contains("service group blue")),
        (404, true),
        "{text}"
    );
}
