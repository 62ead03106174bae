//! The messages that a call sends, each after the pause that the suite asks for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::sleep;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

use super::{FULL_DUPLEX, LONG};
use crate::pb::conformance::ClientCompatRequest;
use crate::pb::conformance::client_compat_request::cancel::CancelTiming;

/// Lets a full-duplex stream send its next message, and tells how many it has sent.
pub(super) struct Control<T> {
    pub(super) go: tokio::sync::mpsc::Sender<T>,
    pub(super) rest: Vec<T>,
    pub(super) pause: Duration,
    pub(super) sent: Arc<AtomicUsize>,
}

/// The messages of a stream on their way out.
pub(super) struct Outgoing<T> {
    messages: ReceiverStream<T>,
    sent: Arc<AtomicUsize>,
}

impl<T: Send + 'static> Outgoing<T> {
    pub(super) fn all(description: &ClientCompatRequest, messages: Vec<T>) -> (Self, Control<T>) {
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
