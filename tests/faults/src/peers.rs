//! Hostile clients.

use std::time::Duration;

use e2e::Program;
use test_servers::{LONG, Usage, eventually, get, wrapped};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

mod idler;

use crate::fault::Length;
use crate::http2::{self, END_HEADERS, Kind};
use crate::report::Report;
use crate::stage::{Infrastructure, Stage};

pub(crate) use idler::slow;

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

/// Returns a call with this body in JSON.
fn json_call(body: &str) -> String {
    format!(
        "POST /greet.GreetService/Greet HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The descriptors of a server that others want to have for themselves.
const DESCRIPTORS: usize = 256;

pub(crate) async fn hoarded(length: Length) -> Report {
    let infrastructure = Infrastructure::start().await;
    let limit = format!("--nofile={DESCRIPTORS}");
    let server = wrapped(&["prlimit", &limit], &infrastructure.server());
    let client = infrastructure.client();
    let stage = infrastructure.with(&[server], &client).await;
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
        get(&server.metrics_url().await).await.is_ok(),
        "it can be scraped meanwhile",
    );
    drop(hoard);
    report
        .recovers(eventually(LONG, "a new connection is served", async || {
            get(&format!("http://{address}/")).await
        }))
        .await;
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
        ("body", json_call(&body)),
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
    memory_stays(&stage, before, &mut report);
    report.recovers(stage.every_provider_is_called()).await;
    stage.unharmed(report).await
}

/// Promises that a flood leaves the server with about the memory that it had `before`.
fn memory_stays(stage: &Stage, before: Usage, report: &mut Report) {
    let after = Usage::of(stage.servers[0].id());
    let growth = after.memory_kib.saturating_sub(before.memory_kib) / 1024;
    report.note(&format!("; {growth} MiB more memory"));
    report.promise(growth < 64, format!("memory stays: {growth} MiB more"));
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
    stage.every_provider_is_called().await;
    drop(endless);
    memory_stays(&stage, before, &mut report);
    let landed = eventually(
        LONG,
        "what was never finished is not in flight any more",
        async || {
            let scrape = stage.servers[0].scrape().await;
            scrape.value("dubbo_provider_requests_processing_total") <= 4.0
        },
    );
    report.recovers(landed).await;
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
    stage.every_provider_is_called().await;
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
    // A peer that receives nonsense may close the connection before its end.
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
