//! Unary calls as JSON over plain HTTP, on the same port: `curl -H 'Content-Type: application/json' -d '{"name":"Dubbo"}'
//! http://localhost:20000/greet.GreetService/Greet`.
//!
//! A JSON request becomes a gRPC request here, outside everything else, so that metrics, deadlines, groups and versions
//! treat it like any other call. Statuses and error bodies are dubbo-go's (`protocol/triple/triple_protocol/protocol_triple.go`).

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::{Either as EitherBody, Full};
use prost_reflect::MethodDescriptor;
use tower_service::Service;

mod error;
mod transcode;

/// The unary methods that can be called with JSON, by their path.
pub(super) type Methods = HashMap<String, MethodDescriptor>;

/// Returns the path of a method, as requests name it.
pub(super) fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// A service that understands JSON besides gRPC.
#[derive(Clone, Debug)]
pub(super) struct Json<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S> Json<S> {
    pub(super) fn new(inner: S, methods: Methods) -> Self {
        Self {
            inner,
            methods: Arc::new(methods),
        }
    }
}

/// What kind of request it is, as far as its head tells.
enum Kind {
    Grpc,
    Json(MethodDescriptor),
    Refused(StatusCode),
}

impl<S> Json<S> {
    fn kind<B>(&self, request: &Request<B>) -> Kind {
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.map_or(&b""[..], HeaderValue::as_bytes);
        if content_type.starts_with(b"application/grpc") {
            return Kind::Grpc;
        }
        let Some(method) = self.methods.get(request.uri().path()) else {
            return Kind::Refused(StatusCode::NOT_FOUND);
        };
        if request.method() != Method::POST {
            return Kind::Refused(StatusCode::METHOD_NOT_ALLOWED);
        }
        if !is_json(content_type) || method.is_client_streaming() || method.is_server_streaming() {
            return Kind::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        Kind::Json(method.clone())
    }
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|b| *b == b';').next();
    essence.is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    })
}

/// Answers what is neither gRPC nor JSON for a known method, in the plain text of any web server.
fn refused(status: StatusCode) -> Response<Full<Bytes>> {
    let text = match status {
        StatusCode::METHOD_NOT_ALLOWED => "call methods with POST\n",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "call unary methods with application/json, all methods with application/grpc\n"
        }
        _ => "404 page not found\n",
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// The body of a request that was gRPC when it came, or was made so here.
type RequestBody<Q> = EitherBody<Q, Full<Bytes>>;

type Answer<B> = Result<Response<EitherBody<B, Full<Bytes>>>, Infallible>;

impl<S, Q, B> Service<Request<Q>> for Json<S>
where
    S: Service<Request<RequestBody<Q>>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    Q: HttpBody<Data = Bytes> + Send + 'static,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<EitherBody<B, Full<Bytes>>>;
    type Error = Infallible;
    type Future = Either<
        GrpcAnswer<S::Future>,
        Either<Pin<Box<dyn Future<Output = Answer<B>> + Send>>, Ready<Answer<B>>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        match self.kind(&request) {
            Kind::Grpc => Either::Left(GrpcAnswer {
                call: self.inner.call(request.map(EitherBody::Left)),
            }),
            Kind::Json(method) => {
                let inner = self.inner.clone();
                Either::Right(Either::Left(Box::pin(async move {
                    let answer = transcode::call(inner, method, request).await;
                    Ok(answer.map(EitherBody::Right))
                })))
            }
            Kind::Refused(status) => {
                let answer = refused(status).map(EitherBody::Right);
                Either::Right(Either::Right(ready(Ok(answer))))
            }
        }
    }
}

pin_project_lite::pin_project! {
    /// The answer to a gRPC request, untouched.
    #[derive(Debug)]
    pub(super) struct GrpcAnswer<F> {
        #[pin]
        call: F,
    }
}

impl<F, B> Future for GrpcAnswer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Answer<B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.project().call.poll(cx);
        answer.map_ok(|response| response.map(EitherBody::Left))
    }
}
