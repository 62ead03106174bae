//! The client under test: makes the calls that the suite describes, through our consumer, and tells what became of them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use dubbo_registry::Reference;
use prost::Message;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::sleep;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status, Streaming};
use triple::{Consumer, ConsumerOptions, Workers};

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
            Ok(stream(&description, answer, None::<Control<()>>).await)
        }
        "BidiStream" => {
            let (outgoing, control) = Outgoing::all(&description, messages(&description)?);
            let request = prepared(&description, outgoing);
            let answer = begun(&description, client.bidi_stream(request)).await;
            Ok(stream(&description, answer, Some(control)).await)
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

/// Waits for the beginning of a stream, unless it is cancelled first.
async fn begun<A>(
    description: &ClientCompatRequest,
    call: impl Future<Output = Result<Response<Streaming<A>>, Status>>,
) -> Result<Response<Streaming<A>>, Status> {
    let pause = Duration::from_millis(description.request_delay_ms.into());
    let sent = pause * description.request_messages.len() as u32;
    let timing = description
        .cancel
        .as_ref()
        .and_then(|cancel| cancel.cancel_timing);
    let cancelled = async {
        match timing {
            // A full-duplex stream begins with its first message.
            _ if description.stream_type == FULL_DUPLEX => std::future::pending().await,
            Some(CancelTiming::AfterCloseSendMs(after)) => {
                sleep(sent + Duration::from_millis(after.into())).await;
            }
            Some(CancelTiming::BeforeCloseSend(())) => {
                sleep(sent + Duration::from_millis(50)).await;
            }
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        answer = call => answer,
        () = cancelled => Err(Status::cancelled("cancelled by the test")),
    }
}

/// Lets a full-duplex stream send its next message, and tells how many it has sent.
struct Control<T> {
    go: tokio::sync::mpsc::Sender<T>,
    rest: Vec<T>,
    pause: Duration,
    sent: Arc<AtomicUsize>,
}

/// The messages of a stream on their way out.
struct Outgoing<T> {
    messages: ReceiverStream<T>,
    sent: Arc<AtomicUsize>,
}

impl<T: Send + 'static> Outgoing<T> {
    fn all(description: &ClientCompatRequest, messages: Vec<T>) -> (Self, Control<T>) {
        let (go, receiver): (_, Receiver<T>) = channel(messages.len().max(1));
        let sent = Arc::new(AtomicUsize::new(0));
        let pause = Duration::from_millis(description.request_delay_ms.into());
        let mut control = Control {
            go,
            rest: messages,
            pause,
            sent: Arc::clone(&sent),
        };
        let before = matches!(
            description
                .cancel
                .as_ref()
                .and_then(|cancel| cancel.cancel_timing.as_ref()),
            Some(CancelTiming::BeforeCloseSend(()))
        );
        if description.stream_type == FULL_DUPLEX {
            // The answer begins when the first message is there.
            if !control.rest.is_empty() {
                let (go, first) = (control.go.clone(), control.rest.remove(0));
                tokio::spawn(async move {
                    sleep(pause).await;
                    let _ = go.send(first).await;
                });
            }
        } else {
            let (go, rest) = (control.go.clone(), std::mem::take(&mut control.rest));
            tokio::spawn(async move {
                for message in rest {
                    sleep(pause).await;
                    if go.send(message).await.is_err() {
                        return;
                    }
                }
                if before {
                    // The end is not sent; the call is cancelled instead.
                    sleep(LONG).await;
                }
            });
            // The stream ends when the task does.
            let (closed, _) = channel(1);
            control.go = closed;
        }
        let messages = ReceiverStream::new(receiver);
        (Self { messages, sent }, control)
    }
}

impl<T> Stream for Outgoing<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let next = Pin::new(&mut self.messages).poll_next(cx);
        if let Poll::Ready(Some(_)) = &next {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
        next
    }
}

/// Reads a stream to its end, or until it is cancelled.
async fn stream<A: Single, T>(
    description: &ClientCompatRequest,
    answer: Result<Response<Streaming<A>>, Status>,
    mut control: Option<Control<T>>,
) -> ClientResponseResult {
    let (response_headers, mut stream) = match answer {
        Err(status) => return failed(&status),
        Ok(answer) => {
            let (metadata, stream, _) = answer.into_parts();
            (headers(&metadata), stream)
        }
    };
    let mut result = ClientResponseResult {
        response_headers,
        ..ClientResponseResult::default()
    };
    let timing = description
        .cancel
        .as_ref()
        .and_then(|cancel| cancel.cancel_timing);
    let full = description.stream_type == FULL_DUPLEX;
    let total = description.request_messages.len();
    if let Some(control) = control.as_mut().filter(|_| full) {
        let rest = std::mem::take(&mut control.rest);
        let first = (total > 0).then_some(None);
        for message in first.into_iter().chain(rest.into_iter().map(Some)) {
            if let Some(message) = message {
                sleep(control.pause).await;
                if control.go.send(message).await.is_err() {
                    break;
                }
            }
            match tokio::time::timeout(LONG, stream.message()).await {
                Ok(Ok(Some(message))) => {
                    result.payloads.push(message.payload().unwrap_or_default())
                }
                Ok(Ok(None)) | Err(_) => break,
                Ok(Err(status)) => {
                    result.num_unsent_requests =
                        (total - control.sent.load(Ordering::Relaxed)) as i32;
                    result.error = Some(error(&status));
                    result.response_trailers = headers(status.metadata());
                    return result;
                }
            }
            if timing == Some(CancelTiming::AfterNumResponses(result.payloads.len() as u32)) {
                return cancelled(result);
            }
        }
    }
    if timing == Some(CancelTiming::BeforeCloseSend(())) {
        return cancelled(result);
    }
    drop(control);
    let until = match timing {
        Some(CancelTiming::AfterCloseSendMs(after)) => Duration::from_millis(after.into()),
        _ => LONG,
    };
    let until = sleep(until);
    let mut until = std::pin::pin!(until);
    loop {
        if timing == Some(CancelTiming::AfterNumResponses(result.payloads.len() as u32)) {
            return cancelled(result);
        }
        let next = tokio::select! {
            next = stream.message() => next,
            () = &mut until => return cancelled(result),
        };
        match next {
            Ok(Some(message)) => result.payloads.push(message.payload().unwrap_or_default()),
            Ok(None) => {
                let trailers = stream.trailers().await.ok().flatten();
                result.response_trailers = headers(&trailers.unwrap_or_else(MetadataMap::new));
                return result;
            }
            Err(status) => {
                result.error = Some(error(&status));
                result.response_trailers = headers(status.metadata());
                return result;
            }
        }
    }
}

fn cancelled(mut result: ClientResponseResult) -> ClientResponseResult {
    result.error = Some(Error {
        code: Code::Cancelled as i32,
        ..Error::default()
    });
    result
}
