//! Providers whose handlers say how long they take, on a clock that moves only when they do: each runs where it belongs, and once.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::uri::PathAndQuery;
use http::{Request, Response};
use parking_lot::{Condvar, Mutex};
use prost::Message;
use prost_reflect::prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};
use quanta::{Clock, Mock};
use test_servers::{LONG, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::Meter;
use crate::{Provider, Runtime, Serving, Shape, Workers};

/// What a handler does with the number that it is asked with. It answers with the name of the thread that it ran on.
type Handler = Arc<dyn Fn(i32) + Send + Sync>;

/// A service with two methods.
#[derive(Clone)]
struct Shop(Handler);

impl NamedService for Shop {
    const NAME: &'static str = "shop.Shop";
}

struct Call(Handler);

impl UnaryService<i32> for Call {
    type Response = String;
    type Future = std::future::Ready<Result<tonic::Response<String>, Status>>;

    fn call(&mut self, request: tonic::Request<i32>) -> Self::Future {
        (self.0)(request.into_inner());
        let name = std::thread::current().name().unwrap_or("?").to_owned();
        std::future::ready(Ok(tonic::Response::new(name)))
    }
}

impl Service<Request<Body>> for Shop {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = Call(Arc::clone(&self.0));
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<String, i32>::default());
            Ok(grpc.unary(call, request).await)
        })
    }
}

/// Describes the service; the messages are the wrappers that prost makes of plain values.
fn descriptors() -> &'static [u8] {
    let message = |name: &str| DescriptorProto {
        name: Some(name.to_owned()),
        ..Default::default()
    };
    let method = |name: &str| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".shop.Number".to_owned()),
        output_type: Some(".shop.Text".to_owned()),
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("shop.proto".to_owned()),
        package: Some("shop".to_owned()),
        message_type: vec![message("Number"), message("Text")],
        service: vec![ServiceDescriptorProto {
            name: Some("Shop".to_owned()),
            method: vec![method("Quick"), method("Slow")],
            ..Default::default()
        }],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    Box::leak(
        FileDescriptorSet { file: vec![file] }
            .encode_to_vec()
            .into(),
    )
}

/// Two workers and a pool of two threads, and a provider on them.
struct Setup {
    _runtime: Runtime,
    serving: Serving,
    clock: Arc<Mock>,
}

impl Setup {
    /// Starts a provider with the handler that is made for its clock.
    async fn new(handler: impl FnOnce(Arc<Mock>) -> Handler) -> Self {
        let two = NonZeroUsize::new(2).unwrap();
        let runtime = Runtime::with_workers(Shape::Adaptive, two).unwrap();
        let (clock, hand) = Clock::mock();
        hand.increment(1_u64);
        let handler = handler(Arc::clone(&hand));
        let serving = serve(handler, runtime.workers(), Meter::Manual(clock)).await;
        Self {
            _runtime: runtime,
            serving,
            clock: hand,
        }
    }
}

async fn serve(handler: Handler, workers: &Workers, meter: Meter) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = Provider::new("shop").service(Shop(handler), descriptors());
    let provider = provider.unwrap().meter(meter);
    provider.serve(listener, workers).await.unwrap()
}

async fn channel(serving: &Serving) -> Channel {
    let url = format!("http://{}", serving.address());
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

/// Calls a method, and returns the name of the thread that its handler ran on.
async fn call(channel: &Channel, method: &str, number: i32) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path: PathAndQuery = format!("/shop.Shop/{method}").parse().unwrap();
    let codec = ProstCodec::<i32, String>::default();
    let answer = client
        .unary(tonic::Request::new(number), path, codec)
        .await?;
    Ok(answer.into_inner())
}

/// Makes as many quick calls as bring the method to its connections' threads.
async fn settle(channel: &Channel, method: &str) {
    let mut name = String::new();
    for _ in 0..200 {
        name = call(channel, method, 0).await.unwrap();
        if name.starts_with(CORE) {
            return;
        }
    }
    panic!("{method} still runs on {name}");
}

const CORE: &str = "dubbo-core-";
const POOL: &str = "dubbo-pool";

/// Calls with one number block until the gate is opened.
#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
    blocked: AtomicUsize,
}

impl Gate {
    const BLOCKS: i32 = 1;

    fn handler(self: &Arc<Self>) -> Handler {
        let gate = Arc::clone(self);
        Arc::new(move |number| {
            if number == Self::BLOCKS {
                let mut closed = gate.closed.lock();
                gate.blocked.fetch_add(1, Ordering::SeqCst);
                while *closed {
                    gate.opened.wait(&mut closed);
                }
            }
        })
    }

    fn close(&self) {
        *self.closed.lock() = true;
    }

    fn open(&self) {
        *self.closed.lock() = false;
        self.opened.notify_all();
    }

    /// Waits until a call has come as far as the gate.
    async fn reached(&self) {
        eventually(LONG, "the gate is reached", async || {
            self.blocked.load(Ordering::SeqCst) > 0
        })
        .await;
    }
}

#[tokio::test]
async fn a_method_begins_on_the_pool_and_quick_polls_bring_it_to_its_connection() {
    let setup = Setup::new(|_| Arc::new(|_| {})).await;
    let channel = channel(&setup.serving).await;
    assert_eq!(call(&channel, "Quick", 0).await.unwrap(), POOL);
    settle(&channel, "Quick").await;
    // The other method has to earn its own place, in Java's spelling as well.
    assert_eq!(call(&channel, "slow", 0).await.unwrap(), POOL);
    settle(&channel, "slow").await;
    let name = call(&channel, "Slow", 0).await.unwrap();
    assert!(name.starts_with(CORE), "{name}");
}

#[tokio::test]
async fn a_method_whose_polls_are_long_stays_on_the_pool_or_goes_back_there() {
    let setup =
        Setup::new(|clock| Arc::new(move |nanos| clock.increment(u64::try_from(nanos).unwrap())))
            .await;
    let channel = channel(&setup.serving).await;
    for _ in 0..200 {
        assert_eq!(call(&channel, "Slow", 200_000).await.unwrap(), POOL);
    }
    settle(&channel, "Quick").await;
    let long = call(&channel, "Quick", 2_000_000).await.unwrap();
    assert!(long.starts_with(CORE), "{long}");
    assert_eq!(call(&channel, "Quick", 0).await.unwrap(), POOL);
    settle(&channel, "Quick").await;
}

#[tokio::test]
async fn a_method_that_blocks_holds_up_nothing_else_on_its_connection() {
    let gate = Arc::new(Gate::default());
    let setup = Setup::new(|_| gate.handler()).await;
    let channel = channel(&setup.serving).await;
    settle(&channel, "Quick").await;
    gate.close();
    let blocking = channel.clone();
    let blocked = tokio::spawn(async move { call(&blocking, "Slow", Gate::BLOCKS).await });
    gate.reached().await;
    for _ in 0..100 {
        call(&channel, "Quick", 0).await.unwrap();
        let mut health = HealthClient::new(channel.clone());
        health.check(HealthCheckRequest::default()).await.unwrap();
    }
    assert!(!blocked.is_finished());
    gate.open();
    assert_eq!(blocked.await.unwrap().unwrap(), POOL);
}

#[tokio::test]
async fn a_method_that_blocks_its_thread_goes_to_the_pool_and_the_thread_gets_no_connection() {
    let gate = Arc::new(Gate::default());
    let setup = Setup::new(|_| gate.handler()).await;
    // One connection for each of the two workers.
    let channels = [channel(&setup.serving).await, channel(&setup.serving).await];
    settle(&channels[0], "Quick").await;
    gate.close();
    let blocking = channels[0].clone();
    let blocked = tokio::spawn(async move { call(&blocking, "Quick", Gate::BLOCKS).await });
    gate.reached().await;
    setup.clock.increment(20_000_000_u64);
    eventually(LONG, "the method goes to the pool", async || {
        call(&channels[1], "Quick", 0).await.unwrap() == POOL
    })
    .await;
    for _ in 0..4 {
        let new = channel(&setup.serving).await;
        call(&new, "Quick", 0).await.unwrap();
    }
    assert!(!blocked.is_finished());
    gate.open();
    let name = blocked.await.unwrap().unwrap();
    assert!(name.starts_with(CORE), "{name}");
}

/// Sends an HTTP/1.1 request with an empty message in JSON, and returns the connection.
async fn post(serving: &Serving, method: &str) -> TcpStream {
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    let request = format!(
        "POST /shop.Shop/{method} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_call_over_http_1_runs_where_its_method_belongs() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&names);
    let setup = Setup::new(|_| {
        Arc::new(move |_| {
            let name = std::thread::current().name().unwrap_or("?").to_owned();
            seen.lock().push(name);
        })
    })
    .await;
    for _ in 0..100 {
        let mut answer = String::new();
        let mut stream = post(&setup.serving, "Quick").await;
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let names = names.lock();
    assert_eq!(names[0], POOL);
    assert!(names[99].starts_with(CORE), "{}", names[99]);
}

#[tokio::test]
async fn each_call_runs_once_wherever_its_method_moves() {
    const CALLERS: i32 = 8;
    const CALLS: i32 = 400;
    let runs: Arc<[AtomicUsize]> = (0..CALLERS * CALLS).map(|_| AtomicUsize::new(0)).collect();
    let counted = Arc::clone(&runs);
    let setup = Setup::new(|clock| {
        Arc::new(move |number| {
            counted[usize::try_from(number).unwrap()].fetch_add(1, Ordering::Relaxed);
            // Often enough to send either method back and forth.
            if number % 101 == 100 {
                clock.increment(2_000_000_u64);
            }
        })
    })
    .await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let channel = channel(&setup.serving).await;
        callers.spawn(async move {
            let mut threads = BTreeSet::new();
            for number in caller * CALLS..(caller + 1) * CALLS {
                let method = if number % 3 == 0 { "Slow" } else { "Quick" };
                threads.insert(call(&channel, method, number).await.unwrap());
            }
            threads
        });
    }
    let threads: BTreeSet<String> = callers.join_all().await.into_iter().flatten().collect();
    assert!(threads.contains(POOL), "{threads:?}");
    let inline = threads.iter().any(|thread| thread.starts_with(CORE));
    assert!(inline, "{threads:?}");
    for (number, runs) in runs.iter().enumerate() {
        assert_eq!(runs.load(Ordering::Relaxed), 1, "call {number}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_with_its_connection_fails_its_call_alone() {
    let setup = Setup::new(|_| Arc::new(|number| assert_eq!(number, 0, "as asked"))).await;
    let channel = channel(&setup.serving).await;
    settle(&channel, "Quick").await;
    for _ in 0..10 {
        let status = call(&channel, "Quick", 1).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status}");
        let name = call(&channel, "Quick", 0).await.unwrap();
        assert!(name.starts_with(CORE), "{name}");
    }
}

/// A handler that blocks rarely earns its place before it does so for the first time.
#[tokio::test]
async fn a_method_that_uses_block_in_place_with_its_connection_is_kept_on_the_pool() {
    let setup = Setup::new(|_| {
        Arc::new(|number| {
            if number == 1 {
                tokio::task::block_in_place(|| {});
            }
        })
    })
    .await;
    let channel = channel(&setup.serving).await;
    assert_eq!(call(&channel, "Quick", 1).await.unwrap(), POOL);
    settle(&channel, "Quick").await;
    settle(&channel, "Slow").await;
    let status = call(&channel, "Quick", 1).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status}");
    for number in 0..200 {
        let name = call(&channel, "Quick", number % 2).await.unwrap();
        assert_eq!(name, POOL, "{number}");
    }
    let name = call(&channel, "Slow", 0).await.unwrap();
    assert!(name.starts_with(CORE), "the other method: {name}");
}

#[tokio::test]
async fn a_pool_may_be_the_callers_own() {
    let pool = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("my-pool")
        .build()
        .unwrap();
    let workers = Workers::here().with_pool(pool.handle().clone());
    let serving = serve(Arc::new(|_| {}), &workers, Meter::new()).await;
    let channel = channel(&serving).await;
    assert_eq!(call(&channel, "Quick", 0).await.unwrap(), "my-pool");
    pool.shutdown_background();
}
