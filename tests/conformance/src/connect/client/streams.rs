//! Answers that are streams: their beginning, and reading them to the end or to the cancellation.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;
use tonic::metadata::MetadataMap;
use tonic::{Code, Response, Status, Streaming};

use super::outgoing::Control;
use super::{FULL_DUPLEX, LONG, Single, error, failed};
use crate::connect::service::headers;
use crate::pb::conformance::client_compat_request::cancel::CancelTiming;
use crate::pb::conformance::{ClientCompatRequest, ClientResponseResult, Error};

/// Waits for the beginning of a stream, unless it is cancelled first.
pub(super) async fn begun<A>(
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

/// Reads a stream to its end, or until it is cancelled.
pub(super) async fn read<A: Single, T>(
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
