//! The protocols that are spoken on a provider's port, told by a request's content type: gRPC, gRPC-Web, and unary calls in Protobuf or
//! JSON over plain HTTP, `curl -H 'Content-Type: application/json' -d '{"name":"Dubbo"}' http://localhost:20000/greet.GreetService/Greet`.
//!
//! All of them become gRPC requests here, outside everything else, so that metrics, deadlines, groups and versions treat them alike.
//! Statuses and error bodies of plain HTTP are dubbo-go's (`protocol/triple/triple_protocol/protocol_triple.go`).

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::{HeaderValue, Request, Response, Version};
use http_body::Body as HttpBody;
use http_body_util::Either as EitherBody;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower_service::Service;

mod answer;
mod error;
mod head;
mod kind;
mod methods;
mod unary;
mod web;
mod wrapper;

pub(super) use methods::Methods;

use super::compression::{self, Encoding, Unpacked};
use super::listener::ForConnection;
use super::received::{self, Received, Rest, Unfinished};
use crate::peer::PeerCertificate;
use crate::status::Caller;
use answer::{GrpcAnswer, GrpcBody, Writing};
use head::Head;
use kind::Kind;

/// A service that understands every protocol of the port; the one inside understands gRPC.
#[derive(Clone, Debug)]
pub(super) struct Protocols<S> {
    inner: S,
    methods: Arc<Methods>,
    unpacked_limit: usize,
    addresses: TcpConnectInfo,
    /// What the caller has shown, where it was asked to.
    certificate: Option<PeerCertificate>,
    unfinished: Unfinished,
}

impl<S> Protocols<S> {
    pub(super) fn new(inner: S, methods: Methods, unpacked_limit: usize) -> Self {
        Self {
            inner,
            methods: Arc::new(methods),
            unpacked_limit,
            addresses: TcpConnectInfo {
                local_addr: None,
                remote_addr: None,
            },
            certificate: None,
            unfinished: Unfinished::default(),
        }
    }
}

impl<S: Clone> ForConnection for Protocols<S> {
    fn for_connection(
        &self,
        addresses: TcpConnectInfo,
        certificate: Option<PeerCertificate>,
    ) -> Self {
        Self {
            inner: self.inner.clone(),
            methods: Arc::clone(&self.methods),
            unpacked_limit: self.unpacked_limit,
            addresses,
            certificate,
            unfinished: self.unfinished.for_connection(),
        }
    }
}

/// The body of a request: as it arrived, or made into gRPC here.
type RequestBody<Q> = EitherBody<Received<Q>, Body>;

/// The body of an answer: gRPC's, or one that was made out of it.
type AnswerBody<B> = EitherBody<GrpcBody<B>, Body>;

type Answer<B> = Result<Response<AnswerBody<B>>, Infallible>;

impl<S> Protocols<S> {
    /// Makes a call with gRPC's own messages in these bytes.
    fn grpc<Q, B>(
        &mut self,
        request: Request<RequestBody<Q>>,
        packed: Option<Encoding>,
        writing: Writing,
    ) -> GrpcAnswer<S::Future>
    where
        S: Service<Request<RequestBody<Q>>, Response = Response<B>, Error = Infallible>,
        Q: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        Q::Error: Into<Box<dyn Error + Send + Sync>>,
        B: HttpBody<Data = Bytes>,
    {
        let request = match packed {
            Some(encoding) => self.unpacked(request, encoding),
            None => request,
        };
        GrpcAnswer::new(self.inner.call(request), writing)
    }

    fn unpacked<Q>(
        &self,
        request: Request<RequestBody<Q>>,
        encoding: Encoding,
    ) -> Request<RequestBody<Q>>
    where
        Q: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        Q::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (mut head, body) = request.into_parts();
        head.headers.remove(compression::ENCODING);
        let body = Unpacked::new(Body::new(body), encoding, self.unpacked_limit);
        Request::from_parts(head, EitherBody::Right(Body::new(body)))
    }
}

impl<S, Q, B> Service<Request<Q>> for Protocols<S>
where
    S: Service<Request<RequestBody<Q>>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    Q: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<AnswerBody<B>>;
    type Error = Infallible;
    type Future = Either<GrpcAnswer<S::Future>, Pin<Box<dyn Future<Output = Answer<B>> + Send>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        self.methods.correct(request.uri_mut());
        let head = Head::of(request.headers());
        let kind = kind::of(&request, head.content_type, &self.methods);
        let (packed, writing, caller) = (head.packed(), Writing::of(&head), head.caller());
        request.extensions_mut().insert(self.addresses.clone());
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        let http_1 = request.version() < Version::HTTP_2;
        let framed = !matches!(kind, Kind::Unary(..));
        let request = request.map(|body| Received::new(body, &self.unfinished, framed, http_1));
        match kind {
            Kind::Grpc if caller == Caller::Java => {
                let request = request.map(|body| Body::new(wrapper::Unwrapped::new(body)));
                Either::Left(self.grpc(request.map(EitherBody::Right), packed, writing))
            }
            Kind::Grpc => Either::Left(self.grpc(request.map(EitherBody::Left), packed, writing)),
            Kind::Web(form) => {
                let body = |body| web::request(form, Rest::new(body, http_1));
                let mut request = request.map(|received| EitherBody::Right(body(received)));
                let grpc = HeaderValue::from_static("application/grpc");
                request
                    .headers_mut()
                    .insert(http::header::CONTENT_TYPE, grpc);
                let answer = self.grpc(request, packed, writing);
                Either::Right(Box::pin(async move {
                    let Ok(answer) = answer.await;
                    Ok(web::response(form, answer).map(EitherBody::Right))
                }))
            }
            Kind::Unary(codec, method) => {
                let request = request.map(|body| Rest::new(body, http_1));
                let answer = unary::call(&mut self.inner, codec, method, request);
                Either::Right(Box::pin(
                    async move { Ok(answer.await.map(EitherBody::Right)) },
                ))
            }
            Kind::Refused(status) => {
                let answer = kind::refused(status).map(EitherBody::Right);
                let body = Rest::new(request.into_body(), http_1);
                Either::Right(Box::pin(async move {
                    if !body.is_end_stream() {
                        received::discard(body).await;
                    }
                    Ok(answer)
                }))
            }
        }
    }
}
