//! Whoever connects and means no good.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::{LONG, Program};
use test_servers::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::fault::Length;
use crate::http2::{self, END_HEADERS, Kind};
use crate::report::Report;
use crate::soak::Usage;
use crate::stage::{Stage, Surroundings, wrapped};

/// The ports of a server: calls, metrics, probes.
async fn ports(server: &Program) -> [(&'static str, String); 3] {
    let host = |url: String| {
        url.trim_start_matches("http://")
            .trim_end_matches("/prometheus")
            .to_owned()
    };
    [
        ("calls", server.provider_address().await),
        ("metrics", host(server.metrics_url().await)),
        ("probes", host(server.probe_url().await)),
    ]
}

async fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address)
        .await
        .unwrap_or_else(|err| panic!("{address}: {err}"))
}

/// Sends bytes until all are sent or the other side has hung up, and returns what comes back until then, or until nothing does
/// for a second.
async fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = connect(address).await.into_split();
    let mut answer = Vec::new();
    let read = async {
        let mut chunk = [0; 4096];
        // An error is a connection that was reset: an answer, too.
        while let Ok(Ok(length @ 1..)) =
            timeout(Duration::from_secs(1), from.read(&mut chunk)).await
        {
            answer.extend(&chunk[..length]);
        }
    };
    let write = async { timeout(LONG, to.write_all(bytes)).await };
    // Both at once: who is not read from does not read.
    let _ = tokio::join!(read, write);
    answer
}

/// The descriptors of a server that others want to have for themselves.
const DESCRIPTORS: usize = 256;

pub(crate) async fn hoarded(length: Length) -> Report {
    let surroundings = Surroundings::start().await;
    let limit = format!("--nofile={DESCRIPTORS}");
    let server = wrapped(&["prlimit", &limit], &surroundings.server());
    let client = surroundings.client();
    let stage = surroundings.with(&[server], &client).await;
    let server = &stage.servers[0];
    let [(_, address), (_, metrics), _] = ports(server).await;
    let mut hoard = Vec::new();
    for _ in 0..DESCRIPTORS {
        let mut stream = connect(&address).await;
        // One that is refused is closed before or after this.
        let _ = stream.write_all(&http2::opening()).await;
        hoard.push(stream);
        hoard.push(connect(&metrics).await);
    }
    server.logged("further ones are refused").await;
    let mut report = Report::new(format!(
        "{DESCRIPTORS} connections held to the calls and as many to the metrics of a provider of {DESCRIPTORS} descriptors"
    ));
    sleep(length.seconds(1, 10)).await;
    stage.calls_go_on().await;
    report.promise(
        test_servers::get(&server.metrics_url().await).await.is_ok(),
        "it can be scraped meanwhile",
    );
    drop(hoard);
    let free = Instant::now();
    eventually(LONG, "a new connection is served", async || {
        test_servers::get(&format!("http://{address}/")).await
    })
    .await;
    report.recovered = free.elapsed();
    stage.unharmed(report).await
}

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
        let request = format!(
            "POST /greet.GreetService/Greet HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        return request.repeat(4).into_bytes();
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

pub(crate) async fn oversized(length: Length) -> Report {
    let stage = Stage::start().await;
    let times = length.of(2, 50);
    let mut report = Report::new(format!(
        "{times} times a mebibyte of headers, of a path, and 32 of a body, to each port"
    ));
    let before = Usage::of(stage.servers[0].id());
    let large = "x".repeat(1024 * 1024);
    let body = "x".repeat(32 * 1024 * 1024);
    let requests = [
        (
            "headers",
            format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {large}\r\n\r\n"),
        ),
        (
            "path",
            format!("GET /{large} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        ),
        (
            "body",
            format!(
                "POST /greet.GreetService/Greet HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            ),
        ),
    ];
    for _ in 0..times {
        for (port, address) in ports(&stage.servers[0]).await {
            for (what, request) in &requests {
                let answer = send(&address, request.as_bytes()).await;
                let answer = String::from_utf8_lossy(&answer);
                report.promise(
                    answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
                    format!("{what} that are too large for the {port} are refused: {answer}"),
                );
            }
        }
        oversized_call(&stage, &mut report).await;
    }
    let after = Usage::of(stage.servers[0].id());
    let growth = after.memory_kib.saturating_sub(before.memory_kib) / 1024;
    report.note(&format!("; {growth} MiB more memory"));
    report.promise(growth < 64, format!("memory stays: {growth} MiB more"));
    let end = Instant::now();
    stage.everybody_is_called().await;
    report.recovered = end.elapsed();
    stage.unharmed(report).await
}

/// Sends a call whose headers are too large, and one that announces a message of 4 GiB.
async fn oversized_call(stage: &Stage, report: &mut Report) {
    let [(_, address), ..] = ports(&stage.servers[0]).await;
    let mut headers = http2::opening();
    let mut block = http2::call();
    block.extend(http2::field("x", &"x".repeat(64 * 1024)));
    let mut kind = Kind::Headers;
    for piece in block.chunks(16 * 1024) {
        let last = piece.as_ptr_range().end == block.as_ptr_range().end;
        headers.extend(http2::frame(
            kind,
            if last { END_HEADERS } else { 0 },
            1,
            piece,
        ));
        kind = Kind::Continuation;
    }
    let answer = send(&address, &headers).await;
    report.promise(
        !answer.windows(5).any(|bytes| bytes == b"hello"),
        "a call with too many headers is not answered",
    );
    let mut message = http2::opening();
    message.extend(http2::frame(Kind::Headers, END_HEADERS, 1, &http2::call()));
    message.extend(http2::frame(Kind::Data, 0, 1, &[0, 255, 255, 255, 255, 10]));
    let answer = send(&address, &message).await;
    report.promise(
        !answer.is_empty(),
        "a call that announces too large a message is answered at once",
    );
}

pub(crate) async fn abuse(length: Length) -> Report {
    let stage = Stage::start().await;
    let [(_, address), ..] = ports(&stage.servers[0]).await;
    let many: u32 = length.of(5_000, 50_000);
    let mut report = Report::new(format!(
        "{many} streams reset at once, {many} pieces of one header, {many} pings, 2,000 calls never finished"
    ));
    let before = Usage::of(stage.servers[0].id());
    let streams = (0..many).map(|number| 2 * number + 1);
    let call = http2::call();

    let mut resets = http2::opening();
    for stream in streams.clone() {
        resets.extend(http2::frame(Kind::Headers, END_HEADERS, stream, &call));
        resets.extend(http2::frame(Kind::Reset, 0, stream, &8u32.to_be_bytes()));
    }
    let mut pieces = http2::opening();
    pieces.extend(http2::frame(Kind::Headers, 0, 1, &call));
    for _ in 0..many {
        pieces.extend(http2::frame(
            Kind::Continuation,
            0,
            1,
            &http2::field("x", "y"),
        ));
    }
    let mut pings = http2::opening();
    for _ in 0..many {
        pings.extend(http2::frame(Kind::Ping, 0, 0, &[0; 8]));
    }
    for (what, flood, ends) in [
        ("resets", resets, true),
        ("pieces", pieces, true),
        ("pings", pings, false),
    ] {
        let answer = send(&address, &flood).await;
        let said_goodbye = goes_away(&answer);
        report.promise(
            said_goodbye == ends,
            format!("a flood of {what} ends its connection: {ends}, and it was {said_goodbye}"),
        );
    }

    // More than are let in at a time; the others are refused, and may be tried elsewhere.
    let mut endless = connect(&address).await;
    let mut opened = http2::opening();
    for stream in streams.take(2_000) {
        opened.extend(http2::frame(Kind::Headers, END_HEADERS, stream, &call));
    }
    let _ = endless.write_all(&opened).await;
    stage.calls_go_on().await;
    stage.everybody_is_called().await;
    drop(endless);
    let end = Instant::now();
    let after = Usage::of(stage.servers[0].id());
    let growth = after.memory_kib.saturating_sub(before.memory_kib) / 1024;
    report.note(&format!("; {growth} MiB more memory"));
    report.promise(growth < 64, format!("memory stays: {growth} MiB more"));
    eventually(
        LONG,
        "what was never finished is not in flight any more",
        async || {
            let scrape = stage.servers[0].scrape().await;
            scrape.value("dubbo_provider_requests_processing_total") <= 4.0
        },
    )
    .await;
    report.recovered = end.elapsed();
    stage.unharmed(report).await
}

/// Returns whether frames end with GOAWAY, or with the connection before there was one frame.
fn goes_away(mut frames: &[u8]) -> bool {
    const GOAWAY: u8 = 7;
    while let [a, b, c, kind, rest @ ..] = frames {
        if *kind == GOAWAY {
            return true;
        }
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        frames = rest.get(5 + length..).unwrap_or_default();
    }
    false
}

pub(crate) async fn garbage(length: Length) -> Report {
    let stage = Stage::start().await;
    let times = length.of(5, 200);
    let mut report = Report::new(format!("{times} times each kind of nonsense to each port"));
    for _ in 0..times {
        for (_, address) in ports(&stage.servers[0]).await {
            for nonsense in nonsense() {
                send_and_leave(&address, &nonsense).await;
            }
        }
    }
    let end = Instant::now();
    stage.everybody_is_called().await;
    for (port, address) in ports(&stage.servers[0]).await {
        let answer = send(
            &address,
            b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        )
        .await;
        report.promise(
            answer.starts_with(b"HTTP/1.1 "),
            format!(
                "the port of the {port} still answers: {}",
                String::from_utf8_lossy(&answer)
            ),
        );
    }
    report.recovered = end.elapsed();
    stage.unharmed(report).await
}

/// Sends bytes, and leaves without an answer.
async fn send_and_leave(address: &str, bytes: &[u8]) {
    let mut stream = connect(address).await;
    // Whoever hears nonsense may hang up before its end.
    let _ = timeout(LONG, stream.write_all(bytes)).await;
}

fn nonsense() -> Vec<Vec<u8>> {
    let random: Vec<u8> = (0..65_536).map(|_| fastrand::u8(..)).collect();
    // What begins well goes on badly.
    let mut frames = http2::opening();
    frames.extend(&random[..4096]);
    let mut request =
        b"POST /greet.GreetService/Greet HTTP/1.1\r\ncontent-type: application/grpc\r\n".to_vec();
    request.extend(&random[..4096]);
    vec![
        random,
        frames,
        request,
        Vec::new(),
        vec![0; 65_536],
        vec![b'\n'; 65_536],
        // Other protocols: TLS, ZooKeeper, HTTP/1.0, the old Dubbo.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"ruok".to_vec(),
        b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        b"\xda\xbb\xc2\x00\0\0\0\0\0\0\0\x01\0\0\x01\0".to_vec(),
    ]
}
