//! Why no ZooKeeper answers: the client says "no available hosts", whatever is wrong with each of them.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::hosts;
use crate::Error;

/// How long each server is tried. Longer delays the first line in the log; shorter calls a slow network silent.
const LIMIT: Duration = Duration::from_secs(2);

/// More than ZooKeeper says of itself.
const ANSWER_BYTES: u64 = 8192;

/// How a server of TLS answers what is none: an alert, of a version 3.x (RFC 8446, section 5.1).
const TLS_ALERT: &[u8] = &[21, 3];

/// Names what is wrong with each server, if it was none of them that could be had.
pub(super) async fn explain(error: Error) -> Error {
    match error {
        Error::Unreachable { hosts, cause, .. } => {
            let servers = hosts::resolved(&hosts).await.each;
            let mut reasons = Vec::new();
            for server in servers.split(',') {
                reasons.push((server, reason(server).await));
            }
            let reason = match reasons.as_slice() {
                [(server, reason)] if *server == hosts => reason.clone(),
                many => many
                    .iter()
                    .map(|(server, reason)| format!("{server}: {reason}"))
                    .collect::<Vec<_>>()
                    .join("; "),
            };
            Error::Unreachable {
                hosts,
                reason,
                cause,
            }
        }
        other => other,
    }
}

async fn reason(server: &str) -> String {
    let addresses: Vec<_> = match timeout(LIMIT, lookup_host(hosts::with_port(server))).await {
        Err(_) => return format!("the name was not resolved within {LIMIT:?}"),
        Ok(Err(error)) => return format!("the name cannot be resolved: {error}"),
        Ok(Ok(addresses)) => addresses.collect(),
    };
    match timeout(LIMIT, TcpStream::connect(addresses.as_slice())).await {
        Err(_) => format!("no connection within {LIMIT:?}"),
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(stream)) => state(stream).await.to_owned(),
    }
}

/// Asks a server that takes connections but gives no session what it is.
async fn state(mut stream: TcpStream) -> &'static str {
    let mut answer = Vec::new();
    let mut ended = asked(&mut stream, b"srvr", &mut answer).await;
    if !ended && answer.is_empty() {
        // A server of TLS waits for the five bytes that a record begins with, one of HTTP for a line.
        ended = asked(&mut stream, b"\r\n\r\n", &mut answer).await;
    }
    let text = String::from_utf8_lossy(&answer);
    let says = |words| text.contains(words);
    if says("Mode: read-only") {
        "it is read-only, because it does not reach the majority of its ensemble: look at the other servers"
    } else if says("not currently serving requests") {
        "it serves no requests, because its ensemble has no majority: look at the other servers"
    } else if text.starts_with("Zookeeper version:") || says("whitelist") {
        "it is a ZooKeeper, but gives no session; its log says why"
    } else if text.starts_with("HTTP/") {
        "an HTTP server answers, not ZooKeeper"
    } else if answer.starts_with(TLS_ALERT) {
        "it speaks TLS, which this process was not told to use: set --zk-tls-ca"
    } else if answer.is_empty() && ended {
        "it closes connections without an answer, as a port for TLS does (set --zk-tls-ca), or a ZooKeeper with as many connections as its \
         maxClientCnxns allows"
    } else {
        "it takes connections, and does not answer as ZooKeeper does"
    }
}

/// Says this, and reads what is said then; returns whether the server has ended the connection.
async fn asked(stream: &mut TcpStream, words: &[u8], answer: &mut Vec<u8>) -> bool {
    let question = async {
        stream.write_all(words).await?;
        stream.take(ANSWER_BYTES).read_to_end(answer).await
    };
    timeout(LIMIT, question).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn text(hosts: &str) -> String {
        let error = Error::Unreachable {
            hosts: hosts.to_owned(),
            reason: String::new(),
            cause: zookeeper_client::Error::NoHosts,
        };
        explain(error).await.to_string()
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_resolved_is_called_so() {
        for name in ["zookeeper.invalid:2181", "zookeeper.invalid"] {
            let text = text(name).await;
            let expected = format!("no ZooKeeper answers at {name}: the name cannot be resolved: ");
            assert!(text.starts_with(&expected), "{text}");
        }
    }

    #[tokio::test]
    async fn each_host_has_its_own_reason() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mute = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = closed.local_addr().unwrap();
        drop(closed);
        let text = text(&format!("{mute},{refused}")).await;
        assert!(
            text.contains(&format!("{mute}: it takes connections")),
            "{text}"
        );
        assert!(
            text.contains(&format!("{refused}: Connection refused")),
            "{text}"
        );
    }

    /// Serves connections with one answer each, once something was said.
    async fn answering(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4]).await;
                let _ = stream.write_all(answer).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn a_server_that_gives_no_session_is_asked_what_it_is() {
        let cases: [(&[u8], &str); 7] = [
            (
                b"Zookeeper version: 3.8.0\nLatency min/avg/max: 0/0/0\nMode: read-only\nNode count: 5\n",
                "read-only",
            ),
            (
                b"This ZooKeeper instance is not currently serving requests\n",
                "no majority",
            ),
            (b"Zookeeper version: 3.4.14\nMode: standalone\n", "its log"),
            (
                b"srvr is not executed because it is not in the whitelist.\n",
                "its log",
            ),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP server"),
            (&[21, 3, 1, 0, 2, 2, 22], "--zk-tls-ca"),
            (b"", "maxClientCnxns"),
        ];
        for (answer, expected) in cases {
            let server = answering(answer).await;
            let text = text(&server).await;
            let prefix = format!("no ZooKeeper answers at {server}: ");
            let reason = text.strip_prefix(&prefix).expect(&text);
            assert!(
                reason.contains(expected) && !reason.contains('\n'),
                "{reason}"
            );
        }
    }
}
