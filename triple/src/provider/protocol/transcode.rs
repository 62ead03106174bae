//! One JSON call: its request as gRPC, and the gRPC response as JSON.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TE};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Either as EitherBody, Full, Limited};
use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::de::Deserializer;
use tokio::time;
use tonic::{Code, Status};
use tower_service::Service;

use super::{RequestBody, error};
use crate::timeout;

/// The largest body that is read, the same as tonic's limit for a gRPC message.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// How long a body may take to arrive; a JSON call has no other deadline before it is read.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// A gRPC message is preceded by a compression flag and its length.
const PREFIX: usize = 5;

/// The header in which a JSON caller sets its deadline, in milliseconds.
const TIMEOUT: HeaderName = HeaderName::from_static("triple-timeout-ms");

/// Makes the call on the gRPC service, and answers in JSON whatever comes of it.
pub(super) async fn call<S, Q, B>(
    mut inner: S,
    method: MethodDescriptor,
    request: Request<Q>,
) -> Response<Full<Bytes>>
where
    S: Service<Request<RequestBody<Q>>, Response = Response<B>, Error = Infallible>,
    Q: HttpBody<Data = Bytes>,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let outcome = async {
        let request = to_grpc(&method, request).await?;
        let response = match inner.call(request.map(EitherBody::Right)).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        from_grpc(&method, response).await
    };
    let (status, body) = match outcome.await {
        Ok(json) => (http::StatusCode::OK, json),
        Err(status) => (
            error::http_status(status.code()),
            error::body(&status).into_bytes(),
        ),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn to_grpc<Q>(
    method: &MethodDescriptor,
    request: Request<Q>,
) -> Result<Request<Full<Bytes>>, Status>
where
    Q: HttpBody<Data = Bytes>,
    Q::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut head, body) = request.into_parts();
    let json = time::timeout(BODY_LIMIT, Limited::new(body, LARGEST_BODY).collect())
        .await
        .map_err(|_| Status::deadline_exceeded(format!("no whole body within {BODY_LIMIT:?}")))?
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                Status::resource_exhausted(format!("the body is larger than {LARGEST_BODY} bytes"))
            } else {
                Status::cancelled(format!("the body did not arrive: {error}"))
            }
        })?
        .to_bytes();
    let invalid = |error| {
        Status::invalid_argument(format!(
            "the body is no {} in JSON: {error}",
            method.input().full_name()
        ))
    };
    let mut json = Deserializer::from_slice(&json);
    let message = DynamicMessage::deserialize(method.input(), &mut json).map_err(invalid)?;
    json.end().map_err(invalid)?;
    if let Some(limit) = head.headers.remove(TIMEOUT) {
        let limit = limit.to_str().ok().and_then(|text| text.parse().ok());
        let limit = limit.ok_or_else(|| {
            Status::invalid_argument(format!("{TIMEOUT} is no number of milliseconds"))
        })?;
        let limit = timeout::write(Duration::from_millis(limit));
        head.headers.insert(timeout::HEADER, limit);
    }
    head.headers.remove(CONTENT_LENGTH);
    head.headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    head.headers
        .insert(TE, HeaderValue::from_static("trailers"));
    Ok(Request::from_parts(head, Full::from(frame(&message))))
}

fn frame(message: &DynamicMessage) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    // The JSON it came from is within LARGEST_BODY, so the length fits.
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message
        .encode(&mut frame)
        .expect("the buffer has room for the encoded length");
    frame.freeze()
}

async fn from_grpc<B>(method: &MethodDescriptor, response: Response<B>) -> Result<Vec<u8>, Status>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    let status = Status::from_header_map(&head.headers)
        .or_else(|| body.trailers().and_then(Status::from_header_map));
    if let Some(status) = status
        && status.code() != Code::Ok
    {
        return Err(status);
    }
    let mut frame = body.to_bytes();
    if frame.len() < PREFIX || frame[0] != 0 {
        return Err(Status::internal(
            "the handler answered with no plain message",
        ));
    }
    frame.advance(PREFIX);
    let message = DynamicMessage::decode(method.output(), frame)
        .map_err(|error| Status::internal(format!("the answer cannot be decoded: {error}")))?;
    serde_json::to_vec(&message)
        .map_err(|error| Status::internal(format!("the answer cannot be written: {error}")))
}
