//! What strangers try, over real connections, and that others are served all the same.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing;
use guarded_http::{Limits, Server};
use test_servers::{LONG, get};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// What no test waits for.
const NEVER: Duration = Duration::from_secs(3600);

/// More than all buffers between server and client hold.
const LARGE: usize = 64 << 20;

/// A server with its address and the means to stop it.
struct Running {
    address: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Limits of which none is reached, for a test to lower the one that it is about.
fn unlimited() -> Limits {
    let mut limits = Limits::default();
    limits.patience = NEVER;
    limits.request = NEVER;
    limits.answer = NEVER;
    limits.leave = NEVER;
    limits
}

async fn start(limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let large = Bytes::from(vec![b'x'; LARGE]);
    let router = Router::new()
        .route("/", routing::get(async || "hello"))
        .route("/large", routing::get(async move || large.clone()));
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    let server = Server::new(router).limits(limits);
    let task = tokio::spawn(server.serve(listener, shutdown));
    Running {
        address,
        stop,
        task,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.expect("it listens")
    }

    /// Connects and sends the beginning of something.
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.expect("it reads");
        stream
    }

    async fn says_hello(&self) {
        let answer = timeout(LONG, get(&format!("http://{}/", self.address)))
            .await
            .expect("an answer in time")
            .expect("an answer");
        assert_eq!((answer.status, &*answer.body), (200, "hello"));
    }
}

/// Reads until the server ends the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(LONG, stream.read_to_end(&mut bytes)).await;
    // A reset is an end, too.
    let _ = read.expect("the server ends the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut() {
    let mut limits = unlimited();
    limits.request = Duration::from_millis(200);
    let server = start(limits).await;
    for beginning in ["", "GET", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let answer = rest(server.send(beginning).await).await;
        assert!(!answer.contains("hello"), "{beginning:?}: {answer}");
    }
    // A byte now and then gains nothing.
    let mut slow = server.send("GET / HTTP/1.1\r\n").await;
    let trickle = async {
        while slow.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, trickle)
        .await
        .expect("the server ends the connection");
    server.says_hello().await;
}

#[tokio::test]
async fn a_connection_that_is_kept_and_not_used_is_cut() {
    let mut limits = unlimited();
    limits.request = Duration::from_millis(200);
    let server = start(limits).await;
    let answer = rest(server.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await).await;
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = start(unlimited()).await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-large: {}",
        "a".repeat(100_000)
    );
    let mut stream = server.connect().await;
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let exchange = async {
        // It may refuse before it has read everything.
        let _ = writer.write_all(head.as_bytes()).await;
        let _ = reader.read_to_end(&mut answer).await;
    };
    timeout(LONG, exchange)
        .await
        .expect("the server ends the connection");
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    let many: String = (0..200).map(|at| format!("x-{at}: a\r\n")).collect();
    let answer = rest(server.send(&format!("GET / HTTP/1.1\r\n{many}\r\n")).await).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    server.says_hello().await;
}

#[tokio::test]
async fn a_large_body_is_not_read() {
    let server = start(unlimited()).await;
    let mut stream = server
        .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000000\r\n\r\n")
        .await;
    let flood = async {
        let mut sent = 0;
        while let Ok(bytes) = stream.write(&[0; 65536]).await {
            sent += bytes;
        }
        sent
    };
    let sent = timeout(LONG, flood)
        .await
        .expect("the server ends the connection");
    assert!(sent < 1 << 30, "{sent} bytes were taken");
    server.says_hello().await;
}

#[tokio::test]
async fn no_request_at_all_ends_the_connection() {
    let server = start(unlimited()).await;
    for garbage in [
        "\u{1}\u{2}\u{3}\r\n\r\n",
        "EHLO\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = rest(server.send(garbage).await).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{garbage:?}: {answer}"
        );
    }
    server.says_hello().await;
}

#[tokio::test]
async fn silent_connections_keep_no_client_out() {
    let mut limits = unlimited();
    limits.connections = 4;
    limits.patience = Duration::from_millis(100);
    let server = start(limits).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(server.send("GET / HTTP/1.1\r\n").await);
    }
    server.says_hello().await;
}

#[tokio::test]
async fn more_requests_than_connections_are_all_answered() {
    let mut limits = unlimited();
    limits.connections = 4;
    limits.answering = 1;
    let server = start(limits).await;
    let mut requests = JoinSet::new();
    for _ in 0..200 {
        let url = format!("http://{}/", server.address);
        requests.spawn(async move { get(&url).await.map(|answer| answer.status) });
    }
    let answers = timeout(LONG, requests.join_all())
        .await
        .expect("answers in time");
    assert_eq!(answers, vec![Ok(200); 200]);
}

#[tokio::test]
async fn connections_that_ask_without_a_pause_take_turns_with_others() {
    let mut limits = unlimited();
    limits.connections = 1;
    let server = start(limits).await;
    let requests = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3);
    let busy = server.send(&requests).await;
    server.says_hello().await;
    let answers = rest(busy).await;
    assert!(answers.contains("connection: close"), "{answers}");
    assert_eq!(answers.matches("hello").count(), 1, "{answers}");
}

#[tokio::test]
async fn an_answer_that_no_client_takes_ends() {
    let mut limits = unlimited();
    limits.connections = 1;
    limits.answer = Duration::from_millis(200);
    let server = start(limits).await;
    let _reads_nothing = server.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // There is no other place, so that the first connection has ended when this is answered.
    server.says_hello().await;
}

#[tokio::test]
async fn the_stop_waits_for_an_answer_and_no_longer_than_the_limit() {
    let mut limits = unlimited();
    limits.leave = Duration::from_millis(300);
    let server = start(limits).await;
    let _idle = server.connect().await;
    let _half = server.send("GET / HTTP/1.1\r\n").await;
    server.says_hello().await;
    server.stop.send(()).expect("it serves");
    timeout(LONG, server.task)
        .await
        .expect("it stops in time")
        .expect("it does not panic");
    assert!(TcpStream::connect(&server.address).await.is_err());
}

#[tokio::test]
async fn an_answer_that_is_being_read_is_finished_at_the_stop() {
    let server = start(unlimited()).await;
    let mut stream = server.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // The answer has begun.
    stream.read_u8().await.expect("an answer");
    server.stop.send(()).expect("it serves");
    let answer = rest(stream).await;
    assert!(answer.len() > LARGE, "{} bytes", answer.len());
    timeout(LONG, server.task)
        .await
        .expect("it stops once the answer is read")
        .expect("it does not panic");
}

#[tokio::test]
async fn connections_end_with_a_server_that_is_dropped() {
    let server = start(unlimited()).await;
    let stream = server.send("GET / HTTP/1.1\r\n").await;
    server.says_hello().await;
    server.task.abort();
    assert_eq!(rest(stream).await, "");
}
