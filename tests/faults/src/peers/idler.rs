//! Peers that keep their connection without using it.

use std::collections::BTreeMap;
use std::time::Duration;

use test_servers::LONG;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{Instant, sleep, timeout};

use super::{connect, json_call, ports};
use crate::fault::Length;
use crate::report::Report;
use crate::stage::Stage;

/// How a peer keeps a connection without using it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Idler {
    /// Says nothing.
    Silent,
    /// Says a letter now and then.
    Slow,
    /// Asks for much and takes none of it.
    Deaf,
}

impl Idler {
    const ALL: [Self; 3] = [Self::Silent, Self::Slow, Self::Deaf];

    /// Keeps a connection to this port, and returns whether it is hung up on within a minute.
    async fn is_hung_up_on(self, port: &str, address: &str) -> bool {
        let hung_up = async {
            match self {
                Self::Silent => {
                    let mut end = Vec::new();
                    // An error is a connection that was reset.
                    let _ = connect(address).await.read_to_end(&mut end).await;
                }
                Self::Slow => {
                    let (mut from, to) = connect(address).await.into_split();
                    let mut end = Vec::new();
                    tokio::select! {
                        () = trickle(to, b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ") => {}
                        _ = from.read_to_end(&mut end) => {}
                    }
                }
                Self::Deaf => {
                    let socket = TcpSocket::new_v4().expect("there is a descriptor left");
                    socket
                        .set_recv_buffer_size(4096)
                        .expect("a socket has a buffer");
                    let address = address.parse().expect("it is an address");
                    let stream = socket.connect(address).await.expect("it listens");
                    // Never read from, and not closed before the end of this.
                    let (_from, to) = stream.into_split();
                    trickle(to, &much(port)).await;
                }
            }
        };
        timeout(LONG, hung_up).await.is_ok()
    }
}

/// Sends these bytes, and then a letter now and then until the other side has hung up.
async fn trickle(mut to: OwnedWriteHalf, bytes: &[u8]) {
    if to.write_all(bytes).await.is_err() {
        return;
    }
    while to.write_all(b"x").await.is_ok() {
        sleep(Duration::from_millis(500)).await;
    }
}

/// Returns requests with more answer than the kernel keeps for a peer that takes none.
fn much(port: &str) -> Vec<u8> {
    if port == "calls" {
        let body = format!("{{\"name\":\"{}\"}}", "x".repeat(3 << 20));
        return json_call(&body).repeat(4).into_bytes();
    }
    b"GET /prometheus HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(500)
}

pub(crate) async fn slow(length: Length) -> Report {
    let stage = Stage::start().await;
    let each = length.of(5, 30);
    let mut report = Report::new(format!(
        "on each port {each} peers that say nothing, {each} that say a letter now and then, {each} that take no answer"
    ));
    let begin = Instant::now();
    let mut peers = tokio::task::JoinSet::new();
    for (port, address) in ports(&stage.servers[0]).await {
        for idler in Idler::ALL.repeat(each) {
            let address = address.clone();
            peers.spawn(async move { (port, idler, idler.is_hung_up_on(port, &address).await) });
        }
    }
    stage.calls_go_on().await;
    let mut kept = BTreeMap::new();
    while let Some(peer) = peers.join_next().await {
        let (port, idler, hung_up) = peer.expect("a peer does not panic");
        *kept.entry((port, idler)).or_insert(0) += usize::from(!hung_up);
    }
    for ((port, idler), kept) in kept {
        report.promise(
            kept == 0,
            format!("every {idler:?} peer of the {port} is hung up on: {kept} of {each} were not"),
        );
    }
    report.recovered = begin.elapsed();
    stage.unharmed(report).await
}
