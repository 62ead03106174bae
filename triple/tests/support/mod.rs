//! A provider of the greeting service on loopback, and a consumer of it, joined by a registry in memory.
#![allow(clippy::unwrap_used, dead_code)]

pub(crate) mod http2;
pub(crate) mod peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dubbo_registry::{MemoryRegistry, Reference, Registry};
use greet::greet_service_client::GreetServiceClient;
use greet::greet_service_server::{GreetService, GreetServiceServer};
use greet::{GreetRequest, GreetResponse};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use triple::{Consumer, ConsumerOptions, Provider, Serving, Workers};

pub(crate) type Client = GreetServiceClient<Consumer>;

/// What a provider of the tests does with a call.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    /// The time that it takes.
    delay: Duration,
    /// The error that it answers with, made anew for each call.
    error: Option<fn() -> Status>,
    /// From now on it answers as it should.
    recovered: Arc<AtomicBool>,
    /// The calls that reached it.
    calls: Arc<AtomicUsize>,
}

impl Behaviour {
    pub(crate) fn failing(error: fn() -> Status) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    pub(crate) fn taking(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    /// Answers as it should from now on.
    pub(crate) fn recover(&self) {
        self.recovered.store(true, Ordering::Relaxed);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

#[tonic::async_trait]
impl GreetService for Behaviour {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.delay).await;
        let recovered = self.recovered.load(Ordering::Relaxed);
        match self.error.filter(|_| !recovered) {
            Some(error) => Err(error()),
            None => Ok(Response::new(GreetResponse {
                greeting: format!("hello {}", request.into_inner().name),
            })),
        }
    }
}

pub(crate) fn provider(behaviour: &Behaviour) -> Provider {
    Provider::new("greeter")
        .service(
            GreetServiceServer::new(behaviour.clone()),
            greet::FILE_DESCRIPTOR_SET,
        )
        .unwrap()
}

/// Serves on a free port, with no registry.
pub(crate) async fn serve(behaviour: &Behaviour) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The pool is this runtime as well, so that calls are placed and measured as in a program.
    let workers = Workers::here().with_pool(Handle::current());
    provider(behaviour).serve(listener, &workers).await.unwrap()
}

/// Serves on a free port and is announced when this returns.
pub(crate) async fn announced(registry: &MemoryRegistry, behaviour: &Behaviour) -> Serving {
    let mut serving = serve(behaviour).await;
    let announcement = serving.announce(registry, "127.0.0.1").unwrap();
    announcement.done().await.unwrap();
    serving
}

pub(crate) fn reference() -> Reference {
    Reference::new(greet::INTERFACE).unwrap()
}

pub(crate) fn client(registry: &dyn Registry, options: ConsumerOptions) -> Client {
    GreetServiceClient::new(Consumer::new(
        registry,
        reference(),
        &Workers::here(),
        options,
    ))
}

pub(crate) async fn greet(client: &Client) -> Result<String, Status> {
    let request = GreetRequest {
        name: "world".to_owned(),
    };
    let response = client.clone().greet(request).await?;
    Ok(response.into_inner().greeting)
}

/// Connects with tonic's own channel.
pub(crate) async fn channel(serving: &Serving) -> Channel {
    let url = format!("http://{}", serving.address());
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

/// Sends one plain HTTP request, over HTTP/1.1 or over HTTP/2 with prior knowledge as the request's version says.
pub(crate) async fn http(
    serving: &Serving,
    request: http::Request<String>,
) -> http::Response<String> {
    let answer = exchange(serving, request).await;
    answer.map(|body| String::from_utf8(body).unwrap())
}

/// Does what [`http`] does with a body of any kind, and an answer of any bytes.
pub(crate) async fn exchange<B>(
    serving: &Serving,
    request: http::Request<B>,
) -> http::Response<Vec<u8>>
where
    B: http_body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    B: Send + Unpin + 'static,
{
    let stream = TcpStream::connect(serving.address()).await.unwrap();
    let stream = TokioIo::new(stream);
    let answer = if request.version() == http::Version::HTTP_2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
                .await
                .unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    http::Response::from_parts(head, body.into())
}

/// Begins a request to the greeting method, with JSON inside.
pub(crate) fn post(serving: &Serving, version: http::Version) -> http::request::Builder {
    http::Request::post(format!(
        "http://{}/greet.GreetService/Greet",
        serving.address()
    ))
    .version(version)
    .header("host", serving.address().to_string())
    .header("content-type", "application/json")
}
