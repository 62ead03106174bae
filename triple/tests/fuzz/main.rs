//! Hostile peers, by the thousand: no bytes of theirs make a task panic, keep a good peer out, or leave a task behind.
//!
//! Each side runs for 30 s, or for `FUZZ_SECONDS`; `FUZZ_SEED` chooses what is sent, and a failure names it. For an hour:
//! `FUZZ_SECONDS=3600 cargo test --release -p triple --test fuzz -- --nocapture`.
#![allow(clippy::unwrap_used)]
#![expect(clippy::print_stdout, reason = "says what was tried")]
#![expect(
    clippy::disallowed_types,
    reason = "real time, and a hook that panics call"
)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod frames;
mod peer;
mod requests;

use std::net::SocketAddr;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dubbo_registry::{MetadataRequest, MetadataSource};
use fastrand::Rng;
use futures_util::future::join_all;
use greet::greet_service_client::GreetServiceClient;
use http::{HeaderMap, HeaderName, HeaderValue};
use support::{Behaviour, greet, reference, serve};
use test_servers::{LONG, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use triple::{Consumer, ConsumerOptions, MethodTable, RpcMetadata, Workers};

/// Connections at the same time.
const BATCH: u64 = 32;

/// How long a hostile peer waits for an answer before it hangs up.
const PATIENCE: Duration = Duration::from_millis(30);

/// The most memory that this process may ever have had, in KiB: ten times what it takes.
const MOST_MEMORY: u64 = 512 << 10;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics from now on, wherever they are caught.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            usual(panic);
        }));
    });
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs batches of cases until the time is over, each followed by `check`, and says how many there were.
async fn fuzz(side: &str, case: impl AsyncFn(Rng), check: impl AsyncFn()) {
    count_panics();
    let seed = number("FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let limit = Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(30));
    // Before anything is sent: a call that panics ends this test at once.
    println!("{side}: FUZZ_SEED={seed}");
    let (start, mut cases) = (Instant::now(), 0);
    let tasks = Handle::current().metrics().num_alive_tasks();
    while start.elapsed() < limit {
        let batch = cases..cases + BATCH;
        let from = format!("FUZZ_SEED={} {side}, the first {BATCH} cases", seed + cases);
        let run = join_all(batch.map(|number| case(Rng::with_seed(seed + number))));
        assert!(timeout(LONG, run).await.is_ok(), "{from}: a case hangs");
        assert!(
            timeout(LONG, check()).await.is_ok(),
            "{from}: a good call hangs"
        );
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{from}: panics");
        cases += BATCH;
    }
    // A connection that says nothing more may stay for as long as the limits of the provider allow.
    eventually(LONG * 2, "an end of all tasks", async || {
        let now = Handle::current().metrics().num_alive_tasks();
        if now <= tasks {
            Ok(())
        } else {
            Err(format!("{now} tasks, {tasks} before"))
        }
    })
    .await;
    let memory = most_memory();
    assert!(
        memory.is_none_or(|most| most < MOST_MEMORY),
        "{memory:?} KiB"
    );
    println!("{side}: {cases} connections, FUZZ_SEED={seed}");
}

/// Returns the most memory that this process has had, in KiB, where the system tells it.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn hostile_clients_harm_no_provider() {
    let serving = serve(&Behaviour::default()).await;
    let address = serving.address();
    let options = ConsumerOptions::default();
    let reference = reference();
    let good =
        Consumer::direct(&address.to_string(), &reference, &Workers::here(), options).unwrap();
    let good = GreetServiceClient::new(good);
    let case = async |mut rng: Rng| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for piece in frames::client(&mut rng).chunks(rng.usize(1..2000)) {
            if stream.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        if rng.bool() {
            let _ = stream.shutdown().await;
        }
        let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
    };
    let check = async || {
        assert_eq!(greet(&good).await.unwrap(), "hello world");
    };
    greet(&good).await.unwrap();
    fuzz("hostile clients", case, check).await;
}

#[tokio::test]
async fn hostile_requests_are_all_answered() {
    let serving = serve(&Behaviour::default()).await;
    let address = serving.address();
    let good = GreetServiceClient::new(consumer(
        &address.to_string(),
        ConsumerOptions::DEFAULT_TIMEOUT,
    ));
    let case = async |mut rng: Rng| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (mut request, mut answer) = (requests::request(&mut rng), Vec::new());
        let _ = stream.write_all(&request).await;
        let read = timeout(LONG, stream.read_to_end(&mut answer)).await;
        request.truncate(2000);
        let request = request.escape_ascii();
        let read = read.unwrap_or_else(|_| panic!("no end: {request}"));
        // One that has answered may close before it has read the body, and the answer goes with the connection.
        let answered = read.is_err() || answer.starts_with(b"HTTP/1.1 ");
        assert!(answered, "{}\n{request}", answer.escape_ascii());
    };
    let check = async || {
        assert_eq!(greet(&good).await.unwrap(), "hello world");
    };
    check().await;
    fuzz("hostile requests", case, check).await;
}

/// At most eight digits and a unit: gRPC over HTTP/2, "Requests".
#[test]
fn time_outs_are_read_by_their_grammar() {
    let documents: [&[u8]; 5] = [b"50m", b"99999999H", b"1S", b"00000001n", b"7u"];
    test_servers::fuzz("grpc-timeout", &documents, |text| {
        let Ok(value) = HeaderValue::from_bytes(text) else {
            return;
        };
        let headers = HeaderMap::from_iter([(HeaderName::from_static("grpc-timeout"), value)]);
        let follows = matches!(text, [digits @ .., b'H' | b'M' | b'S' | b'm' | b'u' | b'n']
            if (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit));
        let read = metrics_core::grpc_timeout(&headers);
        assert_eq!(read.is_some(), follows, "{}", text.escape_ascii());
    });
}

#[tokio::test]
async fn calls_that_are_given_up_at_once_do_not_end_their_connection() {
    const HEADERS: u8 = 1;
    let serving = serve(&Behaviour::default()).await;
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    let (bytes, last) = frames::given_up(1000);
    stream.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    let answered = async {
        while !frames::read(&answer).contains(&(HEADERS, last)) {
            let read = stream.read_buf(&mut answer).await;
            let frames = frames::read(&answer);
            assert!(
                read.is_ok_and(|bytes| bytes > 0),
                "the connection ends: {frames:?}"
            );
        }
    };
    assert!(timeout(LONG, answered).await.is_ok(), "no answer");
}

#[tokio::test]
async fn hostile_providers_harm_no_consumer() {
    let serving = serve(&Behaviour::default()).await;
    let good = serving.address().to_string();
    let case = async |mut rng: Rng| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answers: Vec<_> = (0..4).map(|_| frames::provider(&mut rng)).collect();
        let hostile = async {
            for answer in answers.into_iter().cycle() {
                let Ok((mut stream, _)) = listener.accept().await else {
                    return;
                };
                for piece in answer {
                    let mut request = [0; 4096];
                    let _ = timeout(PATIENCE, stream.read(&mut request)).await;
                    let _ = stream.write_all(&piece).await;
                }
                let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
            }
        };
        let calls = async {
            let client = GreetServiceClient::new(consumer(&address, PATIENCE * 4));
            for _ in 0..2 {
                // Whatever it says: the call ends.
                let _ = greet(&client).await;
            }
        };
        tokio::select! {
            () = hostile => {}
            () = calls => {}
        }
    };
    let check = async || {
        let client = GreetServiceClient::new(consumer(&good, ConsumerOptions::DEFAULT_TIMEOUT));
        assert_eq!(greet(&client).await.unwrap(), "hello world");
    };
    fuzz("hostile providers", case, check).await;
}

#[tokio::test]
async fn hostile_answers_harm_no_consumer() {
    let serving = serve(&Behaviour::default()).await;
    let good = serving.address().to_string();
    // One that lives on while others meet hostile providers.
    let steady = GreetServiceClient::new(consumer(&good, ConsumerOptions::DEFAULT_TIMEOUT));
    let answered = AtomicUsize::new(0);
    let case = async |mut rng: Rng| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut hostile = JoinSet::new();
        let accept = async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                hostile.spawn(peer::serve(stream, rng.fork()));
            }
        };
        let calls = async {
            let client = GreetServiceClient::new(consumer(&address.to_string(), PATIENCE * 4));
            for _ in 0..4 {
                let call = timeout(LONG / 2, greet(&client)).await;
                assert!(call.is_ok(), "a call does not end by its own deadline");
            }
            // Ended by the registry in its own time.
            let _ = timeout(PATIENCE, RpcMetadata::default().fetch(question(address))).await;
        };
        tokio::select! {
            () = accept => {}
            () = calls => {}
        }
        // Each ends when the consumer has closed its connection.
        while let Some(calls) = hostile.join_next().await {
            answered.fetch_add(calls.unwrap(), Ordering::Relaxed);
        }
    };
    let check = async || {
        assert_eq!(greet(&steady).await.unwrap(), "hello world");
    };
    check().await;
    fuzz("hostile answers", case, check).await;
    let answered = answered.into_inner();
    assert!(answered > 0, "no call reached a hostile provider");
    println!("hostile answers: {answered} calls were answered");
}

fn question(address: SocketAddr) -> MetadataRequest {
    MetadataRequest {
        host: address.ip().to_string(),
        port: address.port(),
        application: "greeter".to_owned(),
        version: "2.0.0".to_owned(),
        revision: "1".to_owned(),
    }
}

fn consumer(address: &str, timeout: Duration) -> Consumer {
    let options = ConsumerOptions::default()
        .timeout(timeout)
        // Of a method that nothing is known of, the time ends with the answer's head.
        .methods(MethodTable::described(greet::INTERFACE, greet::FILE_DESCRIPTOR_SET).unwrap());
    Consumer::direct(address, &reference(), &Workers::here(), options).unwrap()
}
