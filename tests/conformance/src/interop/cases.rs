//! The cases of the tests' client, as a generated client on our consumer makes them.

use std::time::Duration;

use tokio::sync::mpsc::channel;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};
use triple::Consumer;

use crate::pb::testing::test_service_client::TestServiceClient;
use crate::pb::testing::unimplemented_service_client::UnimplementedServiceClient;
use crate::pb::testing::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest,
};

type Client = TestServiceClient<Consumer>;

/// The case that grpc-go's server has no compression for.
pub const COMPRESSED: &str = "client_compressed_unary";

/// All other cases for a server without TLS and authentication.
pub const CASES: [&str; 14] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
];

const REQUEST_SIZES: [usize; 4] = [27_182, 8, 1_828, 45_904];
const RESPONSE_SIZES: [i32; 4] = [31_415, 9, 2_653, 58_979];
const LARGE_REQUEST: usize = 271_828;
const LARGE_RESPONSE: i32 = 314_159;

/// Runs a case.
///
/// # Panics
/// When the server does not do what the case asks for.
pub async fn run(case: &str, consumer: Consumer) {
    let client = TestServiceClient::new(consumer.clone());
    match case {
        "empty_unary" => empty_unary(client).await,
        "large_unary" => large_unary(client).await,
        COMPRESSED => {
            let gzip = CompressionEncoding::Gzip;
            large_unary(client.send_compressed(gzip).accept_compressed(gzip)).await;
        }
        "client_streaming" => client_streaming(client).await,
        "server_streaming" => server_streaming(client).await,
        "ping_pong" => ping_pong(client).await,
        "empty_stream" => empty_stream(client).await,
        "custom_metadata" => custom_metadata(client).await,
        "status_code_and_message" => status(client, "test status message").await,
        "special_status_message" => {
            status(
                client,
                "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
            )
            .await;
        }
        "unimplemented_method" => unimplemented_method(client).await,
        "unimplemented_service" => unimplemented_service(consumer).await,
        "cancel_after_begin" => cancel_after_begin(client).await,
        "cancel_after_first_response" => cancel_after_first_response(client).await,
        "timeout_on_sleeping_server" => timeout_on_sleeping_server(client).await,
        other => panic!("there is no case {other}"),
    }
}

fn payload(size: usize) -> Option<Payload> {
    Some(Payload {
        r#type: 0,
        body: vec![0; size],
    })
}

fn asking(size: i32, payload_size: usize) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        response_parameters: vec![ResponseParameters {
            size,
            interval_us: 0,
        }],
        payload: payload(payload_size),
        ..StreamingOutputCallRequest::default()
    }
}

fn code<T>(answer: Result<T, Status>) -> Code {
    answer.err().map_or(Code::Ok, |status| status.code())
}

async fn empty_unary(mut client: Client) {
    client.empty_call(Empty {}).await.expect("an empty answer");
}

async fn large_unary(mut client: Client) {
    let request = SimpleRequest {
        response_size: LARGE_RESPONSE,
        payload: payload(LARGE_REQUEST),
        ..SimpleRequest::default()
    };
    let answer = client.unary_call(request).await.expect("a large answer");
    let body = answer.into_inner().payload.expect("a payload").body;
    assert_eq!(body.len(), LARGE_RESPONSE as usize);
}

async fn client_streaming(mut client: Client) {
    let requests = REQUEST_SIZES.map(|size| StreamingInputCallRequest {
        payload: payload(size),
    });
    let answer = client
        .streaming_input_call(tokio_stream::iter(requests))
        .await;
    let size = answer.expect("an answer").into_inner();
    assert_eq!(size.aggregated_payload_size, 74_922);
}

async fn server_streaming(mut client: Client) {
    let request = StreamingOutputCallRequest {
        response_parameters: RESPONSE_SIZES
            .map(|size| ResponseParameters {
                size,
                interval_us: 0,
            })
            .to_vec(),
        ..StreamingOutputCallRequest::default()
    };
    let answer = client.streaming_output_call(request).await;
    let mut stream = answer.expect("a stream").into_inner();
    for size in RESPONSE_SIZES {
        let message = stream
            .message()
            .await
            .expect("a message")
            .expect("one more");
        assert_eq!(
            message.payload.expect("a payload").body.len(),
            size as usize
        );
    }
    assert!(stream.message().await.expect("an end").is_none());
}

async fn ping_pong(mut client: Client) {
    let (pings, receiver) = channel(REQUEST_SIZES.len());
    // A server may begin its answer with the first message.
    let first = asking(RESPONSE_SIZES[0], REQUEST_SIZES[0]);
    pings.send(first).await.expect("there is room");
    let answer = client.full_duplex_call(ReceiverStream::new(receiver)).await;
    let mut stream = answer.expect("a stream").into_inner();
    let mut first = true;
    for (request, response) in REQUEST_SIZES.into_iter().zip(RESPONSE_SIZES) {
        if !std::mem::take(&mut first) {
            let ping = asking(response, request);
            pings.send(ping).await.expect("the call goes on");
        }
        let message = stream
            .message()
            .await
            .expect("a message")
            .expect("one more");
        assert_eq!(
            message.payload.expect("a payload").body.len(),
            response as usize
        );
    }
    drop(pings);
    assert!(stream.message().await.expect("an end").is_none());
}

async fn empty_stream(mut client: Client) {
    let answer = client.full_duplex_call(tokio_stream::empty()).await;
    let mut stream = answer.expect("a stream").into_inner();
    assert!(stream.message().await.expect("an end").is_none());
}

async fn custom_metadata(mut client: Client) {
    const INITIAL: &str = "x-grpc-test-echo-initial";
    const TRAILING: &str = "x-grpc-test-echo-trailing-bin";
    const VALUE: &[u8] = b"\x0a\x0b\x0a\x0b\x0a\x0b";
    fn with<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(
            INITIAL,
            MetadataValue::from_static("test_initial_metadata_value"),
        );
        metadata.insert_bin(TRAILING, MetadataValue::from_bytes(VALUE));
        request
    }
    let request = SimpleRequest {
        response_size: LARGE_RESPONSE,
        payload: payload(LARGE_REQUEST),
        ..SimpleRequest::default()
    };
    let answer = client.unary_call(with(request)).await.expect("an answer");
    let metadata = answer.metadata();
    assert_eq!(
        metadata.get(INITIAL).expect("it comes back"),
        "test_initial_metadata_value"
    );
    let trailing = metadata.get_bin(TRAILING).expect("it comes back");
    assert_eq!(trailing.to_bytes().expect("base64"), VALUE);

    let (pings, receiver) = channel(1);
    pings
        .send(asking(LARGE_RESPONSE, LARGE_REQUEST))
        .await
        .expect("there is room");
    drop(pings);
    let answer = client
        .full_duplex_call(with(ReceiverStream::new(receiver)))
        .await;
    let answer = answer.expect("a stream");
    assert_eq!(
        answer.metadata().get(INITIAL).expect("it comes back"),
        "test_initial_metadata_value"
    );
    let mut stream = answer.into_inner();
    let trailers = stream.trailers().await.expect("an end").expect("trailers");
    let trailing = trailers.get_bin(TRAILING).expect("it comes back");
    assert_eq!(trailing.to_bytes().expect("base64"), VALUE);
}

async fn status(mut client: Client, message: &str) {
    let response_status = Some(EchoStatus {
        code: 2,
        message: message.to_owned(),
    });
    let request = SimpleRequest {
        response_status: response_status.clone(),
        ..SimpleRequest::default()
    };
    let status = client.unary_call(request).await.expect_err("a status");
    assert_eq!((status.code(), status.message()), (Code::Unknown, message));
    let request = StreamingOutputCallRequest {
        response_status,
        ..StreamingOutputCallRequest::default()
    };
    let answer = client.full_duplex_call(tokio_stream::once(request)).await;
    let status = match answer {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.expect_err("a status"),
    };
    assert_eq!((status.code(), status.message()), (Code::Unknown, message));
}

async fn unimplemented_method(mut client: Client) {
    let answer = client.unimplemented_call(Empty {}).await;
    assert_eq!(code(answer), Code::Unimplemented);
}

async fn unimplemented_service(consumer: Consumer) {
    let mut client = UnimplementedServiceClient::new(consumer);
    let answer = client.unimplemented_call(Empty {}).await;
    assert_eq!(code(answer), Code::Unimplemented);
}

async fn cancel_after_begin(mut client: Client) {
    let (requests, receiver) = channel::<StreamingInputCallRequest>(1);
    let call = client.streaming_input_call(ReceiverStream::new(receiver));
    let ended = tokio::time::timeout(Duration::from_millis(50), call).await;
    assert!(
        ended.is_err(),
        "the call waits for its first message: {ended:?}"
    );
    drop(requests);
    // The connection is as good as before.
    empty_unary(client).await;
}

async fn cancel_after_first_response(mut client: Client) {
    let (pings, receiver) = channel(1);
    let first = asking(31_415, 27_182);
    pings.send(first).await.expect("there is room");
    let answer = client.full_duplex_call(ReceiverStream::new(receiver)).await;
    let mut stream = answer.expect("a stream").into_inner();
    stream
        .message()
        .await
        .expect("a message")
        .expect("one message");
    drop(stream);
    pings.closed().await;
    empty_unary(client).await;
}

async fn timeout_on_sleeping_server(mut client: Client) {
    let mut ping = asking(31_415, 27_182);
    ping.response_parameters[0].interval_us = 10_000_000;
    let (pings, receiver) = channel(1);
    pings.send(ping).await.expect("there is room");
    let mut request = Request::new(ReceiverStream::new(receiver));
    request.set_timeout(Duration::from_millis(50));
    let answer = match client.full_duplex_call(request).await {
        Err(status) => Err(status),
        Ok(stream) => stream.into_inner().message().await,
    };
    assert_eq!(code(answer), Code::DeadlineExceeded);
}
