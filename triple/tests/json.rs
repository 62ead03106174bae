//! Calls as JSON over plain HTTP, as `curl` makes them.
#![allow(clippy::unwrap_used)]

mod support;

use http::{HeaderValue, Request, Version};
use support::{Behaviour, http, post, serve};
use tonic::Status;
use triple::{Serving, business_error};

fn greeting(serving: &Serving, body: &str) -> Request<String> {
    post(serving, Version::HTTP_11)
        .body(body.to_owned())
        .unwrap()
}

/// Sends the request and returns status, content type and body.
async fn answer(serving: &Serving, request: Request<String>) -> (u16, String, String) {
    let response = http(serving, request).await;
    let content_type = response.headers()["content-type"].to_str().unwrap();
    let content_type = content_type.to_owned();
    (
        response.status().as_u16(),
        content_type,
        response.into_body(),
    )
}

fn json(status: u16, body: &str) -> (u16, String, String) {
    (status, "application/json".to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_greeting_is_json_over_both_versions_of_http() {
    let serving = serve(&Behaviour::default()).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let request = post(&serving, version);
        let request = request.body(r#"{"name":"Dubbo"}"#.to_owned()).unwrap();
        let got = answer(&serving, request).await;
        assert_eq!(got, json(200, r#"{"greeting":"hello Dubbo"}"#));
    }
}

#[tokio::test]
async fn a_charset_behind_the_content_type_is_fine() {
    let serving = serve(&Behaviour::default()).await;
    let mut request = greeting(&serving, "{}");
    let content_type = HeaderValue::from_static("application/json; charset=utf-8");
    request.headers_mut().insert("content-type", content_type);
    assert_eq!(answer(&serving, request).await.0, 200);
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
        let got = answer(&serving, greeting(&serving, "{}")).await;
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
        let (status, _, text) = answer(&serving, greeting(&serving, body)).await;
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
    let (status, _, text) = answer(&serving, greeting(&serving, &large)).await;
    assert_eq!(status, 429, "{text}");
    assert!(text.contains("resource_exhausted"), "{text}");
}

#[tokio::test]
async fn what_is_no_call_gets_the_status_of_any_web_server() {
    let serving = serve(&Behaviour::default()).await;
    let request = |method: &str, path: &str, content_type: &str| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", content_type)
            .body(String::new())
            .unwrap()
    };
    let greet = "/greet.GreetService/Greet";
    let json = "application/json";
    let cases = [
        (request("GET", greet, json), 405),
        (request("POST", greet, "text/html"), 415),
        (request("POST", "/greet.GreetService/Nope", json), 404),
        (request("GET", "/", json), 404),
    ];
    for (request, expected) in cases {
        let (status, _, text) = answer(&serving, request).await;
        assert_eq!(status, expected, "{text}");
    }
}

#[tokio::test]
async fn group_and_deadline_are_honoured() {
    let slow = Behaviour::taking(std::time::Duration::from_secs(3600));
    let serving = serve(&slow).await;
    let with = |name: &str, value: &str| {
        let request = post(&serving, Version::HTTP_11).header(name, value);
        request.body("{}".to_owned()).unwrap()
    };
    let (status, _, text) = answer(&serving, with("triple-timeout-ms", "50")).await;
    assert!(text.contains("deadline_exceeded"), "{text}");
    assert_eq!(status, 408);
    let (status, _, text) = answer(&serving, with("tri-service-group", "blue")).await;
    assert!(text.contains("service group blue"), "{text}");
    assert_eq!(status, 404);
}
