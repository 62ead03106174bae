//! A provider made by hand: it answers with whatever HTTP/2 can carry.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use greet::GreetResponse;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) type Answer = Response<BoxBody<Bytes, Infallible>>;

pub(crate) const GREET: &str = "/greet.GreetService/Greet";

/// A header's value, of any bytes.
pub(crate) type Field = (&'static str, Vec<u8>);

/// Serves until it is dropped.
pub(crate) struct Peer {
    pub(crate) address: String,
    greetings: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Peer {
    /// Answers each request, by its path, with what `answer` returns.
    pub(crate) async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let greetings = Arc::new(AtomicUsize::new(0));
        let (answer, count) = (Arc::new(answer), Arc::clone(&greetings));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
                    async move {
                        let (head, body) = request.into_parts();
                        let _ = body.collect().await;
                        if head.uri.path() == GREET {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok::<_, Infallible>(answer(head.uri.path()))
                    }
                });
                tokio::spawn(
                    http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self {
            address,
            greetings,
            task,
        }
    }

    pub(crate) fn greetings(&self) -> usize {
        self.greetings.load(Ordering::Relaxed)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn fields(fields: &[Field]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (HeaderName::from_static(name), value)
        })
        .collect()
}

fn of_frames(frames: Vec<Frame<Bytes>>) -> Answer {
    let frames = frames.into_iter().map(Ok::<_, Infallible>);
    let body = StreamBody::new(tokio_stream::iter(frames));
    let mut answer = Response::new(BodyExt::boxed(body));
    let kind = HeaderValue::from_static("application/grpc");
    answer.headers_mut().insert("content-type", kind);
    answer
}

/// An answer that is all head.
pub(crate) fn head(status: &[Field]) -> Answer {
    let mut answer = of_frames(Vec::new());
    answer.headers_mut().extend(fields(status));
    answer
}

/// A head, and then the trailers in a frame of their own.
pub(crate) fn trailers(status: &[Field]) -> Answer {
    of_frames(vec![Frame::trailers(fields(status))])
}

/// A greeting, and then the trailers.
pub(crate) fn greeting(status: &[Field]) -> Answer {
    of_frames(vec![message(), Frame::trailers(fields(status))])
}

/// A greeting, and then nothing.
pub(crate) fn unfinished() -> Answer {
    of_frames(vec![message()])
}

/// A head, and a stream that says nothing and does not end.
pub(crate) fn silent() -> Answer {
    let body = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Infallible>>());
    empty().map(|_| BodyExt::boxed(body))
}

/// Nothing after the head.
pub(crate) fn empty() -> Answer {
    of_frames(Vec::new())
}

pub(crate) fn ok() -> Answer {
    greeting(&[("grpc-status", b"0".to_vec())])
}

pub(crate) fn unimplemented() -> Answer {
    head(&[("grpc-status", b"12".to_vec())])
}

fn message() -> Frame<Bytes> {
    let greeting = GreetResponse {
        greeting: "hello world".to_owned(),
    };
    let content = greeting.encode_to_vec();
    let mut bytes = vec![0];
    bytes.extend((content.len() as u32).to_be_bytes());
    bytes.extend(content);
    Frame::data(bytes.into())
}
