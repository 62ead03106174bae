//! `grpc.testing.TestService`.

use std::pin::Pin;
use std::time::Duration;

use tokio_stream::{Stream, StreamExt};
use tonic::metadata::{BinaryMetadataKey, BinaryMetadataValue, MetadataMap};
use tonic::{Code, Request, Response, Status, Streaming, async_trait};

use crate::pb::testing::test_service_server::TestService;
use crate::pb::testing::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};
use crate::trailers::Trailers;

/// Metadata that comes back at the beginning of the answer.
const INITIAL: &str = "x-grpc-test-echo-initial";
/// Metadata that comes back at the end of the answer.
const TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// The service of the tests.
#[derive(Clone, Debug)]
pub struct Testing;

type Outputs = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

#[async_trait]
impl TestService for Testing {
    async fn empty_call(&self, request: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(echoed(request.metadata(), Response::new(Empty {})))
    }

    async fn unary_call(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        fail(request.response_status)?;
        let payload = Some(payload(request.response_size));
        Ok(echoed(&metadata, Response::new(SimpleResponse { payload })))
    }

    type StreamingOutputCallStream = Outputs;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Outputs>, Status> {
        let request = request.into_inner();
        Ok(Response::new(Box::pin(outputs(request))))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut requests = request.into_inner();
        let mut size = 0;
        while let Some(request) = requests.message().await? {
            size += request.payload.map_or(0, |payload| payload.body.len());
        }
        let aggregated_payload_size = i32::try_from(size).unwrap_or(i32::MAX);
        Ok(Response::new(StreamingInputCallResponse {
            aggregated_payload_size,
        }))
    }

    type FullDuplexCallStream = Outputs;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Outputs>, Status> {
        let (metadata, _, mut requests) = request.into_parts();
        let answers = async_outputs(move |sender| async move {
            while let Some(request) = requests.message().await.transpose() {
                let mut outputs = Box::pin(outputs_of(request));
                while let Some(output) = outputs.next().await {
                    let failed = output.is_err();
                    if sender.send(output).await.is_err() || failed {
                        return;
                    }
                }
            }
        });
        Ok(echoed(&metadata, Response::new(answers)))
    }

    type HalfDuplexCallStream = Outputs;

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Outputs>, Status> {
        let requests: Vec<_> = request.into_inner().collect::<Result<_, _>>().await?;
        let answers = tokio_stream::iter(requests).map(outputs);
        Ok(Response::new(Box::pin(futures_util::StreamExt::flatten(
            answers,
        ))))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("as the tests want it"))
    }
}

/// Runs a task that sends answers, and returns them as they come.
fn async_outputs<F, R>(task: F) -> Outputs
where
    F: FnOnce(tokio::sync::mpsc::Sender<Result<StreamingOutputCallResponse, Status>>) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(task(sender));
    Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))
}

fn outputs_of(
    request: Result<StreamingOutputCallRequest, Status>,
) -> impl Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send {
    let (request, error) = match request {
        Ok(request) => (request, None),
        Err(error) => (StreamingOutputCallRequest::default(), Some(Err(error))),
    };
    tokio_stream::iter(error).chain(outputs(request))
}

/// The answers that a request asks for: messages of some sizes, each after a pause, then an error if it wants one.
fn outputs(
    request: StreamingOutputCallRequest,
) -> impl Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send {
    let end = fail(request.response_status).err().map(Err);
    let messages = tokio_stream::iter(request.response_parameters)
        .then(output)
        .map(Ok);
    messages.chain(tokio_stream::iter(end))
}

async fn output(parameters: ResponseParameters) -> StreamingOutputCallResponse {
    let pause = Duration::from_micros(u64::try_from(parameters.interval_us).unwrap_or(0));
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    StreamingOutputCallResponse {
        payload: Some(payload(parameters.size)),
    }
}

fn payload(size: i32) -> Payload {
    Payload {
        r#type: 0,
        body: vec![0; usize::try_from(size).unwrap_or(0)],
    }
}

fn fail(status: Option<EchoStatus>) -> Result<(), Status> {
    match status {
        Some(status) if status.code != 0 => {
            Err(Status::new(Code::from(status.code), status.message))
        }
        _ => Ok(()),
    }
}

/// Sends the metadata back that is meant to come back.
fn echoed<T>(metadata: &MetadataMap, mut response: Response<T>) -> Response<T> {
    if let Some(value) = metadata.get(INITIAL) {
        response.metadata_mut().insert(INITIAL, value.clone());
    }
    if let Some(value) = metadata.get_bin(TRAILING) {
        let trailers = trailing(value.clone());
        response.extensions_mut().insert(trailers);
    }
    response
}

fn trailing(value: BinaryMetadataValue) -> Trailers {
    let mut metadata = MetadataMap::new();
    metadata.insert_bin(BinaryMetadataKey::from_static(TRAILING), value);
    Trailers(metadata.into_headers())
}
