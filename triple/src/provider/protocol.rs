//! The protocols that are spoken on a provider's port, told by a request's content type: gRPC, and unary calls as JSON over plain HTTP,
//! `curl -H 'Content-Type: application/json' -d '{"name":"Dubbo"}' http://localhost:20000/greet.GreetService/Greet`.
//!
//! A JSON request becomes a gRPC request here, outside everything else, so that metrics, deadlines, groups and versions
//! treat it like any other call. Statuses and error bodies are dubbo-go's (`protocol/triple/triple_protocol/protocol_triple.go`).

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::TryFutureExt;
use futures_util::future::{Either, MapOk};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::{Either as EitherBody, Full};
use prost_reflect::MethodDescriptor;
use tower_service::Service;

mod answer;
mod caller;
mod error;
mod methods;
mod transcode;

pub(super) use methods::Methods;

use answer::{GrpcAnswer, GrpcBody};

/// A service that understands every protocol of the port; the one inside understands gRPC.
#[derive(Clone, Debug)]
pub(super) struct Protocols<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S> Protocols<S> {
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

impl<S> Protocols<S> {
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

/// The body of an answer: gRPC's, or a whole one.
type AnswerBody<B> = EitherBody<GrpcBody<B>, Full<Bytes>>;

type Answer<B> = Result<Response<AnswerBody<B>>, Infallible>;

impl<S, Q, B> Service<Request<Q>> for Protocols<S>
where
    S: Service<Request<RequestBody<Q>>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    Q: HttpBody<Data = Bytes> + Send + 'static,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<AnswerBody<B>>;
    type Error = Infallible;
    type Future = Either<
        MapOk<GrpcAnswer<S::Future>, fn(Response<GrpcBody<B>>) -> Response<AnswerBody<B>>>,
        Either<Pin<Box<dyn Future<Output = Answer<B>> + Send>>, Ready<Answer<B>>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        self.methods.correct(request.uri_mut());
        match self.kind(&request) {
            Kind::Grpc => {
                let caller = caller::of(request.headers());
                let call = self.inner.call(request.map(EitherBody::Left));
                let answer = GrpcAnswer::new(call, caller);
                Either::Left(answer.map_ok(|response| response.map(EitherBody::Left)))
            }
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
