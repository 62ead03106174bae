//! One unary call over plain HTTP, as dubbo-go's and dubbo-js's unary clients and `curl` make it: the request as gRPC, and the gRPC
//! answer as its caller wrote the request, in JSON or in Protobuf.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor, SerializeOptions};
use serde_json::de::Deserializer;
use tokio::sync::oneshot;
use tokio::time;
use tonic::body::Body;
use tonic::{Code, Status};
use tower_service::Service;

use super::super::compression::{self, Encoding, Packer};
use super::super::received::BODY_LIMIT;
use super::{Received, RequestBody, Rest, error};
use crate::{answer, timeout};

/// The largest body that is read, the same as tonic's limit for a gRPC message.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// A gRPC message is preceded by a compression flag and its length.
const PREFIX: usize = 5;

/// The header in which a caller sets its deadline, in milliseconds.
const TIMEOUT: HeaderName = HeaderName::from_static("triple-timeout-ms");

/// How the messages of a call are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Json,
    Proto,
}

/// Makes the call on the gRPC service, and answers in the caller's codec whatever comes of it.
///
/// The service is called as soon as the head is there, as with gRPC: what stands around it counts and refuses calls whose bodies have not
/// come.
pub(super) fn call<S, Q, B>(
    inner: &mut S,
    codec: Codec,
    method: MethodDescriptor,
    request: Request<Rest<Received<Q>>>,
) -> impl Future<Output = Response<Body>> + Send + use<S, Q, B>
where
    S: Service<Request<RequestBody<Q>>, Response = Response<B>, Error = Infallible>,
    S::Future: Send,
    Q: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let accepts = request.headers().get(ACCEPT_ENCODING);
    let packed =
        accepts.is_some_and(|list| Encoding::first_of(list.as_bytes()) == Some(Encoding::Gzip));
    let called = to_grpc(codec, method.clone(), request)
        .map(|(request, broken)| (inner.call(request.map(RequestBody::Right)), broken));
    async move {
        let (headers, outcome) = match called {
            Ok((call, broken)) => tokio::select! {
                outcome = outcome(call, codec, &method) => outcome,
                Ok(status) = broken => (HeaderMap::new(), Err(status)),
            },
            Err(status) => (HeaderMap::new(), Err(status)),
        };
        written(codec, headers, outcome, packed)
    }
}

/// Writes the answer in the caller's codec.
fn written(
    codec: Codec,
    mut headers: HeaderMap,
    outcome: Result<Bytes, Status>,
    packed: bool,
) -> Response<Body> {
    let mut response = Response::new(());
    let (kind, mut body) = match outcome {
        Ok(body) if codec == Codec::Proto => ("application/proto", body),
        Ok(body) => ("application/json", body),
        Err(status) => {
            *response.status_mut() = error::http_status(status.code());
            ("application/json", error::body(&status).into())
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if packed
        && body.len() >= Packer::SMALLEST
        && let Some(gzip) = Encoding::Gzip.pack(&body)
    {
        headers.insert(CONTENT_ENCODING, Encoding::Gzip.header());
        body = gzip;
    }
    *response.headers_mut() = headers;
    response.map(|()| Body::new(Full::from(body)))
}

/// Waits for the gRPC answer, and returns what its caller is told.
async fn outcome<F, B>(
    call: F,
    codec: Codec,
    method: &MethodDescriptor,
) -> (HeaderMap, Result<Bytes, Status>)
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Ok(response) = call.await;
    let (head, body) = response.into_parts();
    let mut headers = HeaderMap::new();
    copy(&head.headers, "", &mut headers);
    let body = match body.collect().await {
        Ok(body) => body,
        Err(error) => return (headers, Err(Status::from_error(error.into()))),
    };
    if let Some(trailers) = body.trailers() {
        copy(trailers, "trailer-", &mut headers);
    }
    let status = answer::status(&head.headers).or_else(|| body.trailers().and_then(answer::status));
    let outcome = match status {
        Some(status) if status.code() == Code::Ok => from_grpc(codec, method, body.to_bytes()),
        Some(status) => Err(status),
        None => Err(answer::missing()),
    };
    (headers, outcome)
}

/// Returns the request as gRPC, whose message comes when the body has come whole, and what tells that it will not.
fn to_grpc<Q>(
    codec: Codec,
    method: MethodDescriptor,
    request: Request<Rest<Received<Q>>>,
) -> Result<(Request<Body>, oneshot::Receiver<Status>), Status>
where
    Q: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut head, body) = request.into_parts();
    if let Some(limit) = head.headers.remove(TIMEOUT) {
        let limit = limit.to_str().ok().and_then(|text| text.parse().ok());
        let limit = limit.ok_or_else(|| {
            Status::invalid_argument(format!("{TIMEOUT} is no number of milliseconds"))
        })?;
        let limit = timeout::write(Duration::from_millis(limit));
        head.headers.insert(timeout::HEADER, limit);
    }
    let encoding = head.headers.remove(CONTENT_ENCODING);
    for name in [CONTENT_LENGTH, ACCEPT_ENCODING] {
        head.headers.remove(name);
    }
    // The answer is read here, and packed for the caller as HTTP does it.
    head.headers.remove(compression::ENCODING);
    head.headers.remove(compression::ACCEPT_ENCODING);
    let grpc = HeaderValue::from_static("application/grpc");
    head.headers.insert(CONTENT_TYPE, grpc);
    let trailers = HeaderValue::from_static("trailers");
    head.headers.insert(TE, trailers);
    let (breaks, broken) = oneshot::channel();
    let message = stream::once(async move {
        let body = match whole(body).await {
            // The caller is gone: that is no error of the service, whose call ends here.
            Err(status) if status.code() == Code::Cancelled => {
                let _ = breaks.send(status);
                std::future::pending().await
            }
            body => body?,
        };
        let body = match encoding {
            Some(encoding) => unpack(&encoding, body)?,
            None => body,
        };
        match codec {
            Codec::Proto => Ok(frame(&body)),
            Codec::Json => from_json(&method, &body),
        }
    });
    let body = Body::new(StreamBody::new(message.map_ok(Frame::data)));
    Ok((Request::from_parts(head, body), broken))
}

/// Reads a body whole, within its bounds.
async fn whole<Q>(body: Rest<Received<Q>>) -> Result<Bytes, Status>
where
    Q: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let body = time::timeout(BODY_LIMIT, Limited::new(body, LARGEST_BODY).collect())
        .await
        .map_err(|_| Status::deadline_exceeded(format!("no whole body within {BODY_LIMIT:?}")))?
        .map_err(|error| match error.downcast::<Status>() {
            Ok(status) if status.code() == Code::Unknown => {
                Status::cancelled(format!("the body did not arrive: {}", status.message()))
            }
            Ok(status) => *status,
            Err(_) => too_large(),
        })?;
    Ok(body.to_bytes())
}

fn too_large() -> Status {
    Status::resource_exhausted(format!("the body is larger than {LARGEST_BODY} bytes"))
}

fn unpack(encoding: &HeaderValue, body: Bytes) -> Result<Bytes, Status> {
    if encoding == "identity" {
        return Ok(body);
    }
    let known = Encoding::named(encoding.as_bytes()).ok_or_else(|| {
        Status::unimplemented(format!(
            "unknown content-encoding {encoding:?}, expected one of {}",
            compression::ACCEPTED
        ))
    })?;
    let mut plain = BytesMut::new();
    let unpacked = known.unpack(&body, LARGEST_BODY, &mut plain);
    unpacked.map_err(|status| match status.code() {
        Code::ResourceExhausted => too_large(),
        _ => Status::invalid_argument(status.message()),
    })?;
    Ok(plain.freeze())
}

fn from_json(method: &MethodDescriptor, json: &[u8]) -> Result<Bytes, Status> {
    let invalid = |error| {
        Status::invalid_argument(format!(
            "the body is no {} in JSON: {error}",
            method.input().full_name()
        ))
    };
    let mut json = Deserializer::from_slice(json);
    let message = DynamicMessage::deserialize(method.input(), &mut json).map_err(invalid)?;
    json.end().map_err(invalid)?;
    Ok(frame(&message.encode_to_vec()))
}

/// Returns a message as gRPC frames it.
fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    // The body it came from is within LARGEST_BODY, so the length fits.
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

fn from_grpc(codec: Codec, method: &MethodDescriptor, mut frame: Bytes) -> Result<Bytes, Status> {
    if frame.len() < PREFIX || frame[0] != 0 {
        return Err(Status::internal(
            "the handler answered with no plain message",
        ));
    }
    frame.advance(PREFIX);
    if codec == Codec::Proto {
        return Ok(frame);
    }
    let message = DynamicMessage::decode(method.output(), frame)
        .map_err(|error| Status::internal(format!("the answer cannot be decoded: {error}")))?;
    // dubbo-go writes the names of the proto file, and reads both.
    let options = SerializeOptions::new().use_proto_field_name(true);
    let mut json = serde_json::Serializer::new(Vec::new());
    message
        .serialize_with_options(&mut json, &options)
        .map_err(|error| Status::internal(format!("the answer cannot be written: {error}")))?;
    Ok(json.into_inner().into())
}

/// Copies what the handler set, without what belongs to gRPC.
fn copy(from: &HeaderMap, prefix: &str, to: &mut HeaderMap) {
    for (name, value) in from {
        let grpc = name.as_str().starts_with("grpc-");
        if !grpc && ![CONTENT_TYPE, CONTENT_LENGTH, TE].contains(name) {
            let name = HeaderName::try_from(format!("{prefix}{name}"));
            to.append(name.expect("a name with a prefix is a name"), value.clone());
        }
    }
}
