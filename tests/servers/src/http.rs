//! Plain HTTP/1.1 requests to servers of this machine.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A complete answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code, such as 200.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Gets `url`, which starts with `http://`.
///
/// # Errors
/// When no answer comes within 30 s; an answer of any status is an answer.
pub async fn get(url: &str) -> Result<Response, String> {
    send(Method::GET, url, None, String::new()).await
}

/// Posts `body` to `url`, which starts with `http://`.
///
/// # Errors
/// When no answer comes within 30 s; an answer of any status is an answer.
pub async fn post(
    url: &str,
    content_type: &str,
    body: impl Into<String>,
) -> Result<Response, String> {
    send(Method::POST, url, Some(content_type), body.into()).await
}

async fn send(
    method: Method,
    url: &str,
    content_type: Option<&str>,
    body: String,
) -> Result<Response, String> {
    timeout(DEADLINE, exchange(method, url, content_type, body))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {DEADLINE:?}")))
        .map_err(|err| format!("{url}: {err}"))
}

async fn exchange(
    method: Method,
    url: &str,
    content_type: Option<&str>,
    body: String,
) -> Result<Response, String> {
    let uri: Uri = url.parse().map_err(text)?;
    let host = uri.authority().ok_or("no host")?.to_string();
    let mut request = Request::builder()
        .method(method)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, &host);
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(text)?;
    let stream = TcpStream::connect(&host).await.map_err(text)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(text)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(text)?;
        let status: StatusCode = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(text)?
            .to_bytes();
        Ok(Response {
            status: status.as_u16(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    };
    // The connection has to be driven beside the request; it may end first, when the server closes it after the answer.
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        end = connection => end.map_err(text)?,
    }
    answer.await
}

fn text(err: impl std::fmt::Display) -> String {
    err.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_answer_of_any_status_is_returned_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/a?b=c", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream
                .write_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\nno such page")
                .await
                .unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        let (answer, request) = tokio::join!(get(&url), server);
        assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
        let answer = answer.unwrap();
        assert_eq!(answer.status, 404);
        assert_eq!(answer.body, "no such page");
    }

    #[tokio::test]
    async fn a_refused_connection_is_an_error_that_names_the_url() {
        let url = format!("http://127.0.0.1:{}/x", crate::free_port());
        let err = get(&url).await.unwrap_err();
        assert!(err.starts_with(&url), "{err}");
    }
}
