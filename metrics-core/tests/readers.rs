//! Many scrapers that do not read what they have asked for.
#![cfg(target_os = "linux")]

use std::future::pending;
use std::time::Duration;

use metrics_core::{Config, Endpoint, METRICS_PATH, MethodKey, Metrics, Outcome, Side};
use test_servers::{LONG, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

const METHODS: usize = 1_000;
const READERS: usize = 128;

/// The most that the readers may add to the memory of the process, in KiB: with a text for each it would be a gigabyte.
const MOST: u64 = 256 << 10;

/// Returns the memory of this process, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a file of Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.expect("a number").parse().expect("of KiB")
}

fn measured() -> Metrics {
    let metrics = Metrics::new(Config::default()).expect("legal");
    for number in 0..METHODS {
        let key = MethodKey::new(&format!("org.example.Service{number}"), "call");
        metrics
            .method(Side::Provider, &key)
            .start()
            .end(Outcome::SUCCESS);
    }
    metrics
}

/// Asks for a text, and waits until it comes.
async fn ask(address: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    // What the system holds is not the process's.
    socket.set_recv_buffer_size(4096).expect("a smaller buffer");
    let mut stream = socket.connect(address).await.expect("a connection");
    let request = format!("GET {METRICS_PATH} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let peek = timeout(LONG * 4, stream.peek(&mut [0])).await;
    assert_eq!(peek.expect("an answer in time").expect("a byte"), 1);
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_slow_readers_of_many_methods_share_texts() {
    let metrics = measured();
    let text = metrics.text().len();
    assert!(
        text * READERS > 2 * 1024 * MOST as usize,
        "{text} bytes prove nothing"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = tokio::spawn(Endpoint::new(&metrics).serve(listener, pending()));
    drop(ask(address).await);
    let before = memory();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(ask(address).await);
    }
    let more = memory().saturating_sub(before);
    assert!(
        more < MOST,
        "{more} KiB for {READERS} readers of {text} bytes"
    );
    drop(readers);
    eventually(LONG, "a scrape after them", async || {
        timeout(Duration::from_secs(5), ask(address)).await.is_ok()
    })
    .await;
    server.abort();
}
