//! Wrong addresses of a real Pushgateway, and what answers where there is none: the error names the likely mistake.

use pushgateway::{Error, GroupingKey};
use test_servers::Pushgateway;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client;

/// Pushes to a URL that is wrong, and returns what the error says.
async fn said(url: &str) -> String {
    let key = GroupingKey::new("app").with("instance", "host:1");
    let error = client(url).put(&key, "up 1\n").await.expect_err(url);
    assert!(
        matches!(error, Error::Refused { .. } | Error::Unreachable { .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

/// Answers every request so; `{path}` is what was asked for.
async fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let answer = answer.replace("{path}", path);
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn the_path_of_a_group_in_the_url_is_named() {
    let server = Pushgateway::start().await;
    let base = server.url();
    for rest in ["/metrics", "/metrics/job/x", "/metrics/job/x/instance/y"] {
        let text = said(&format!("{base}{rest}")).await;
        let expected = format!("leave {rest} out of its URL: {base} is enough");
        assert!(text.ends_with(&expected), "{text}");
    }
}

#[tokio::test]
async fn a_base_path_that_the_gateway_does_not_have_is_named() {
    let server = Pushgateway::start_with(&["--web.route-prefix=/base"]).await;
    for url in [server.url(), format!("{}/other", server.url())] {
        let text = said(&url).await;
        assert!(
            text.contains("404") && text.contains("--web.route-prefix"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_redirect_says_where_it_leads() {
    let url = answering(
        "HTTP/1.1 308 Permanent Redirect\r\nlocation: https://gateway.example{path}\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n",
    )
    .await;
    let text = said(&url).await;
    assert!(
        text.contains("308") && text.contains("it leads to https://gateway.example, name"),
        "{text}"
    );
}

#[tokio::test]
async fn a_web_page_is_no_gateway_even_where_it_succeeds() {
    for (status, expected) in [
        ("200 OK", "a web page answers there"),
        ("405 Not Allowed", "check its port"),
    ] {
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n\r\n\
             <!doctype html><html><head><title>Sign in</title></head><body>hidden</body></html>"
        );
        let url = answering(answer.leak()).await;
        let text = said(&url).await;
        assert!(
            text.contains("Sign in") && text.contains(expected),
            "{text}"
        );
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[tokio::test]
async fn the_wrong_scheme_is_named() {
    let server = Pushgateway::start().await;
    let text = said(&server.url().replace("http:", "https:")).await;
    assert!(text.contains("begin its URL with http://"), "{text}");
}
