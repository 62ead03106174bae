//! The client under test: makes the calls that the suite describes, through our consumer, and tells what became of them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use dubbo_registry::Reference;
use prost::Message;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::channel;
use tokio::time::sleep;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};
use triple::{Consumer, ConsumerOptions, Workers};

mod outgoing;
mod streams;

use outgoing::{Control, Outgoing};
use streams::begun;

use super::exchange::{read, write};
use super::service::{RpcStatus, headers, metadata};
use crate::pb::conformance::client_compat_request::cancel::CancelTiming;
use crate::pb::conformance::client_compat_response::Result as Told;
use crate::pb::conformance::conformance_service_client::ConformanceServiceClient;
use crate::pb::conformance::{
    BidiStreamResponse, ClientCompatRequest, ClientCompatResponse, ClientErrorResult,
    ClientResponseResult, ClientStreamResponse, ConformancePayload, Error, IdempotentUnaryResponse,
    ServerStreamResponse, UnaryResponse, UnimplementedResponse,
};

type Client = ConformanceServiceClient<Consumer>;

/// The suite's numbers for gzip, zstd and deflate, and for a full-duplex stream.
const GZIP: i32 = 2;
const ZSTD: i32 = 4;
const DEFLATE: i32 = 5;
const FULL_DUPLEX: i32 = 5;

/// Calls at a time: the suite looks at times, too.
const CALLS: usize = 8;

/// Longer than any call of the suite takes.
const LONG: Duration = Duration::from_secs(60);

/// Makes all calls that stdin describes, several at a time.
///
/// # Errors
/// When the suite cannot be read or answered.
pub async fn run() -> io::Result<()> {
    let (sender, mut results) = channel::<ClientCompatResponse>(16);
    let writer = tokio::spawn(async move {
        while let Some(result) = results.recv().await {
            write(&mut tokio::io::stdout(), &result).await?;
        }
        io::Result::Ok(())
    });
    let calls = Arc::new(Semaphore::new(CALLS));
    while let Some(request) = read::<ClientCompatRequest>(&mut tokio::io::stdin()).await? {
        let sender = sender.clone();
        let permit = Arc::clone(&calls).acquire_owned().await;
        tokio::spawn(async move {
            let _permit = permit;
            let test_name = request.test_name.clone();
            let result = match call(request).await {
                Ok(result) => Told::Response(result),
                Err(message) => Told::Error(ClientErrorResult { message }),
            };
            let response = ClientCompatResponse {
                test_name,
                result: Some(result),
            };
            let _ = sender.send(response).await;
        });
    }
    drop(sender);
    writer.await?
}

async fn client(request: &ClientCompatRequest) -> Result<Client, String> {
    let reference = Reference::new("connectrpc.conformance.v1.ConformanceService");
    let reference = reference.map_err(|error| error.to_string())?;
    let address = format!("{}:{}", request.host, request.port);
    let options = ConsumerOptions::default()
        .timeout(Duration::MAX)
        // The suite looks at each attempt.
        .retries(0);
    let consumer = Consumer::direct(&address, &reference, &Workers::here(), options);
    let consumer = consumer.map_err(|error| error.to_string())?;
    // Times of the suite are those of calls, not of connections.
    let _ = tokio::time::timeout(LONG, consumer.ready()).await;
    let mut client = ConformanceServiceClient::new(consumer);
    if request.message_receive_limit > 0 {
        client = client.max_decoding_message_size(request.message_receive_limit as usize);
    }
    let encoding = match request.compression {
        GZIP => CompressionEncoding::Gzip,
        ZSTD => CompressionEncoding::Zstd,
        DEFLATE => CompressionEncoding::Deflate,
        _ => return Ok(client),
    };
    Ok(client.send_compressed(encoding).accept_compressed(encoding))
}

/// What the suite wants in a request besides its messages.
fn prepared<T>(description: &ClientCompatRequest, message: T) -> Request<T> {
    let mut request = Request::new(message);
    *request.metadata_mut() = metadata(&description.request_headers);
    if let Some(timeout) = description.timeout_ms {
        request.set_timeout(Duration::from_millis(timeout.into()));
    }
    request
}

fn messages<M: Message + Default>(description: &ClientCompatRequest) -> Result<Vec<M>, String> {
    let decode = |any: &prost_types::Any| M::decode(&any.value[..]).map_err(|err| err.to_string());
    description.request_messages.iter().map(decode).collect()
}

fn only<M: Message + Default>(description: &ClientCompatRequest) -> Result<M, String> {
    let first = messages(description)?.into_iter().next();
    first.ok_or_else(|| "a call with one message has one".to_owned())
}

/// An answer with one message, as all methods of that kind give it.
trait Single {
    fn payload(self) -> Option<ConformancePayload>;
}

macro_rules! single {
    ($($answer:ty),*) => {
        $(impl Single for $answer {
            fn payload(self) -> Option<ConformancePayload> {
                self.payload
            }
        })*
    };
}

single!(
    UnaryResponse,
    IdempotentUnaryResponse,
    ClientStreamResponse,
    ServerStreamResponse,
    BidiStreamResponse
);

impl Single for UnimplementedResponse {
    fn payload(self) -> Option<ConformancePayload> {
        None
    }
}

async fn call(description: ClientCompatRequest) -> Result<ClientResponseResult, String> {
    let mut client = client(&description).await?;
    match description.method.as_deref().unwrap_or_default() {
        "Unary" => {
            let request = prepared(&description, only(&description)?);
            Ok(single(&description, client.unary(request)).await)
        }
        "IdempotentUnary" => {
            let request = prepared(&description, only(&description)?);
            Ok(single(&description, client.idempotent_unary(request)).await)
        }
        "Unimplemented" => {
            let request = prepared(&description, only(&description)?);
            Ok(single(&description, client.unimplemented(request)).await)
        }
        "ClientStream" => {
            let (outgoing, _) = Outgoing::all(&description, messages(&description)?);
            let request = prepared(&description, outgoing);
            Ok(single(&description, client.client_stream(request)).await)
        }
        "ServerStream" => {
            let request = prepared(&description, only(&description)?);
            let answer = begun(&description, client.server_stream(request)).await;
            Ok(streams::read(&description, answer, None::<Control<()>>).await)
        }
        "BidiStream" => {
            let (outgoing, control) = Outgoing::all(&description, messages(&description)?);
            let request = prepared(&description, outgoing);
            let answer = begun(&description, client.bidi_stream(request)).await;
            Ok(streams::read(&description, answer, Some(control)).await)
        }
        other => Err(format!("unknown method {other}")),
    }
}

fn error(status: &Status) -> Error {
    let details = RpcStatus::decode(status.details()).unwrap_or_default();
    Error {
        code: status.code() as i32,
        message: Some(status.message().to_owned()),
        details: details.details,
    }
}

fn failed(status: &Status) -> ClientResponseResult {
    ClientResponseResult {
        // tonic has headers and trailers of a call that fails in one.
        response_headers: headers(status.metadata()),
        response_trailers: headers(status.metadata()),
        error: Some(error(status)),
        ..ClientResponseResult::default()
    }
}

/// Makes a call that is answered with one message.
async fn single<A: Single>(
    description: &ClientCompatRequest,
    call: impl Future<Output = Result<Response<A>, Status>>,
) -> ClientResponseResult {
    let timing = description
        .cancel
        .as_ref()
        .and_then(|cancel| cancel.cancel_timing.as_ref());
    let cancelled = async {
        match timing {
            Some(CancelTiming::AfterCloseSendMs(after)) => {
                // The consumer's call begins when it is polled, which is at once.
                sleep(Duration::from_millis((*after).into())).await;
            }
            Some(CancelTiming::BeforeCloseSend(())) => {
                let pause = Duration::from_millis(description.request_delay_ms.into());
                sleep(
                    pause * description.request_messages.len() as u32 + Duration::from_millis(20),
                )
                .await;
            }
            _ => std::future::pending().await,
        }
    };
    let answer = tokio::select! {
        answer = call => answer,
        () = cancelled => Err(Status::cancelled("cancelled by the test")),
    };
    match answer {
        Err(status) => failed(&status),
        Ok(answer) => {
            let (metadata, message, _) = answer.into_parts();
            // tonic merges the trailers of such a call into its metadata.
            ClientResponseResult {
                response_headers: headers(&metadata),
                response_trailers: headers(&metadata),
                payloads: vec![message.payload().unwrap_or_default()],
                ..ClientResponseResult::default()
            }
        }
    }
}
