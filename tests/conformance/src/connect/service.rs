//! `connectrpc.conformance.v1.ConformanceService`: each request says how it is to be answered.

use std::pin::Pin;
use std::time::Duration;

use prost::Message;
use prost_types::Any;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::sleep;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::{Code, Request, Response, Status, Streaming, async_trait};

use crate::pb::conformance::conformance_payload::RequestInfo;
use crate::pb::conformance::conformance_service_server::ConformanceService;
use crate::pb::conformance::unary_response_definition::Response as Answer;
use crate::pb::conformance::{
    BidiStreamRequest, BidiStreamResponse, ClientStreamRequest, ClientStreamResponse,
    ConformancePayload, Error, Header, IdempotentUnaryRequest, IdempotentUnaryResponse,
    ServerStreamRequest, ServerStreamResponse, StreamResponseDefinition, UnaryRequest,
    UnaryResponse, UnaryResponseDefinition, UnimplementedRequest, UnimplementedResponse,
};
use crate::trailers::Trailers;

/// The service of the suite.
#[derive(Clone, Debug)]
pub struct Conformance;

/// The full name of a message of the suite begins with this.
const PACKAGE: &str = "connectrpc.conformance.v1";

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

fn packed(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{PACKAGE}.{name}"),
        value: message.encode_to_vec(),
    }
}

/// What the request was, as answers tell it.
fn info(metadata: &MetadataMap, requests: Vec<Any>) -> RequestInfo {
    RequestInfo {
        request_headers: headers(metadata),
        timeout_ms: timeout(metadata),
        requests,
    }
}

/// Writes metadata as the suite does: a name with all its values, binary ones in base64.
pub(super) fn headers(metadata: &MetadataMap) -> Vec<Header> {
    let mut headers: Vec<Header> = Vec::new();
    for pair in metadata.iter() {
        let (name, value) = match pair {
            KeyAndValueRef::Ascii(name, value) => (name.as_str(), value.as_encoded_bytes()),
            KeyAndValueRef::Binary(name, value) => (name.as_str(), value.as_encoded_bytes()),
        };
        let value = String::from_utf8_lossy(value).into_owned();
        match headers.iter_mut().find(|header| header.name == name) {
            Some(header) => header.value.push(value),
            None => headers.push(Header {
                name: name.to_owned(),
                value: vec![value],
            }),
        }
    }
    headers
}

/// Reads headers of the suite as they stand on the wire.
pub(super) fn metadata(headers: &[Header]) -> MetadataMap {
    let mut map = http::HeaderMap::new();
    for header in headers {
        let name = http::HeaderName::try_from(&*header.name).expect("the suite sends names");
        for value in &header.value {
            let value = http::HeaderValue::try_from(&**value).expect("the suite sends values");
            map.append(&name, value);
        }
    }
    MetadataMap::from_headers(map)
}

fn timeout(metadata: &MetadataMap) -> Option<i64> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: i64 = number.parse().ok()?;
    Some(match unit {
        "H" => number * 3_600_000,
        "M" => number * 60_000,
        "S" => number * 1000,
        "m" => number,
        "u" => number / 1000,
        _ => number / 1_000_000,
    })
}

/// Returns the status that a request asks for.
fn status(error: Error, info: Option<RequestInfo>, trailers: MetadataMap) -> Status {
    let mut details = error.details;
    details.extend(info.map(|info| packed("ConformancePayload.RequestInfo", &info)));
    let message = error.message.unwrap_or_default();
    let code = Code::from(error.code);
    let details = RpcStatus {
        code: code as i32,
        message: message.clone(),
        details,
    };
    Status::with_details_and_metadata(code, message, details.encode_to_vec().into(), trailers)
}

/// Answers a call with one message.
async fn unary(
    definition: Option<UnaryResponseDefinition>,
    info: RequestInfo,
) -> Result<Response<ConformancePayload>, Status> {
    let definition = definition.unwrap_or_default();
    sleep(Duration::from_millis(definition.response_delay_ms.into())).await;
    let data = match definition.response {
        Some(Answer::Error(error)) => {
            // A call that fails has its headers and trailers in one.
            let mut all = definition.response_headers;
            all.extend(definition.response_trailers);
            return Err(status(error, Some(info), metadata(&all)));
        }
        Some(Answer::ResponseData(data)) => data,
        None => Vec::new(),
    };
    let mut response = Response::new(ConformancePayload {
        data,
        request_info: Some(info),
    });
    *response.metadata_mut() = metadata(&definition.response_headers);
    let trailers = metadata(&definition.response_trailers).into_headers();
    response.extensions_mut().insert(Trailers(trailers));
    Ok(response)
}

type Payloads<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Begins a stream: the headers are sent at once, the messages as the task makes them.
fn stream<T, F, R>(definition: &StreamResponseDefinition, task: F) -> Response<Payloads<T>>
where
    T: Send + 'static,
    F: FnOnce(Sender<Result<T, Status>>) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = channel(1);
    tokio::spawn(task(sender));
    let answers: Payloads<T> = Box::pin(ReceiverStream::new(receiver));
    let mut response = Response::new(answers);
    *response.metadata_mut() = metadata(&definition.response_headers);
    // A stream that fails carries them in its status.
    if definition.error.is_none() {
        let trailers = metadata(&definition.response_trailers).into_headers();
        response.extensions_mut().insert(Trailers(trailers));
    }
    response
}

/// The answers of a stream, and what the next one tells about the request.
struct Answers {
    definition: StreamResponseDefinition,
    sent: usize,
}

impl Answers {
    /// Returns the next message after its pause; none when all are sent.
    async fn next(&mut self, info: impl FnOnce() -> RequestInfo) -> Option<ConformancePayload> {
        let data = self.definition.response_data.get(self.sent)?.clone();
        sleep(Duration::from_millis(
            self.definition.response_delay_ms.into(),
        ))
        .await;
        self.sent += 1;
        Some(ConformancePayload {
            data,
            request_info: Some(info()),
        })
    }

    /// Returns the error at the end, if there is one.
    fn end(&mut self, info: RequestInfo) -> Option<Status> {
        let error = self.definition.error.take()?;
        let info = (self.sent == 0).then_some(info);
        Some(status(
            error,
            info,
            metadata(&self.definition.response_trailers),
        ))
    }
}

#[async_trait]
impl ConformanceService for Conformance {
    async fn unary(
        &self,
        request: Request<UnaryRequest>,
    ) -> Result<Response<UnaryResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let info = info(&metadata, vec![packed("UnaryRequest", &request)]);
        let answer = unary(request.response_definition, info).await?;
        Ok(answer.map(|payload| UnaryResponse {
            payload: Some(payload),
        }))
    }

    async fn idempotent_unary(
        &self,
        request: Request<IdempotentUnaryRequest>,
    ) -> Result<Response<IdempotentUnaryResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let info = info(&metadata, vec![packed("IdempotentUnaryRequest", &request)]);
        let answer = unary(request.response_definition, info).await?;
        Ok(answer.map(|payload| IdempotentUnaryResponse {
            payload: Some(payload),
        }))
    }

    async fn unimplemented(
        &self,
        _: Request<UnimplementedRequest>,
    ) -> Result<Response<UnimplementedResponse>, Status> {
        Err(Status::unimplemented("as the suite wants it"))
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<ClientStreamRequest>>,
    ) -> Result<Response<ClientStreamResponse>, Status> {
        let (metadata, _, mut messages) = request.into_parts();
        let (mut requests, mut definition) = (Vec::new(), None);
        while let Some(message) = messages.message().await? {
            requests.push(packed("ClientStreamRequest", &message));
            if requests.len() == 1 {
                definition = message.response_definition;
            }
        }
        let answer = unary(definition, info(&metadata, requests)).await?;
        Ok(answer.map(|payload| ClientStreamResponse {
            payload: Some(payload),
        }))
    }

    type ServerStreamStream = Payloads<ServerStreamResponse>;

    async fn server_stream(
        &self,
        request: Request<ServerStreamRequest>,
    ) -> Result<Response<Self::ServerStreamStream>, Status> {
        let (metadata, _, request) = request.into_parts();
        let info = info(&metadata, vec![packed("ServerStreamRequest", &request)]);
        let definition = request.response_definition.unwrap_or_default();
        let mut answers = Answers {
            definition: definition.clone(),
            sent: 0,
        };
        Ok(stream(&definition, |sender| async move {
            let mut first = Some(info.clone());
            while let Some(mut payload) = answers.next(RequestInfo::default).await {
                payload.request_info = first.take();
                let payload = Some(payload);
                if sender
                    .send(Ok(ServerStreamResponse { payload }))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            if let Some(status) = answers.end(info) {
                let _ = sender.send(Err(status)).await;
            }
        }))
    }

    type BidiStreamStream = Payloads<BidiStreamResponse>;

    async fn bidi_stream(
        &self,
        request: Request<Streaming<BidiStreamRequest>>,
    ) -> Result<Response<Self::BidiStreamStream>, Status> {
        let (metadata, _, mut messages) = request.into_parts();
        let Some(first) = messages.message().await? else {
            return Ok(stream(&StreamResponseDefinition::default(), |_| async {}));
        };
        let full_duplex = first.full_duplex;
        let definition = first.response_definition.clone().unwrap_or_default();
        let mut answers = Answers {
            definition: definition.clone(),
            sent: 0,
        };
        Ok(stream(&definition, move |sender| async move {
            let mut requests = vec![packed("BidiStreamRequest", &first)];
            loop {
                if full_duplex {
                    let taken = std::mem::take(&mut requests);
                    let told = info(&metadata, taken.clone());
                    let first = answers.sent == 0;
                    let Some(payload) = answers.next(|| told).await else {
                        requests = taken;
                        break;
                    };
                    if !send(&sender, payload, first).await {
                        return;
                    }
                }
                match messages.message().await {
                    Ok(Some(message)) => requests.push(packed("BidiStreamRequest", &message)),
                    Ok(None) => break,
                    Err(status) => {
                        let _ = sender.send(Err(status)).await;
                        return;
                    }
                }
            }
            let told = info(&metadata, requests.clone());
            loop {
                let first = answers.sent == 0;
                let told = if first {
                    told.clone()
                } else {
                    RequestInfo::default()
                };
                let Some(payload) = answers.next(|| told).await else {
                    break;
                };
                if !send(&sender, payload, first).await {
                    return;
                }
            }
            if let Some(status) = answers.end(told) {
                let _ = sender.send(Err(status)).await;
            }
        }))
    }
}

/// Sends an answer of a bidirectional stream: the first one tells of the whole request, others of its newest messages alone.
async fn send(
    sender: &Sender<Result<BidiStreamResponse, Status>>,
    mut payload: ConformancePayload,
    first: bool,
) -> bool {
    if !first && let Some(info) = &mut payload.request_info {
        *info = RequestInfo {
            requests: std::mem::take(&mut info.requests),
            ..RequestInfo::default()
        };
        if info.requests.is_empty() {
            payload.request_info = None;
        }
    }
    let payload = Some(payload);
    sender
        .send(Ok(BidiStreamResponse { payload }))
        .await
        .is_ok()
}
