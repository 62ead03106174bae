//! Runs the calls of a connection, and ends one whose answer is stuck past its deadline.
//!
//! hyper asks a body for its next frame only when the peer takes bytes. A peer that takes none keeps the body from ending at its
//! deadline, and with it the handler, its stream and its memory. So the body that hands out a frame says until when it may be stuck, and the
//! task of the stream watches that.
//!
//! hyper spawns the stream of a call right after it has asked the service for the call, on the same thread; that is how the place which was
//! chosen for the call gets to its stream.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::provider::dispatch::Placed;

thread_local! {
    /// Set while a frame is on its way of which more is to come: the deadline of its call.
    static STUCK_UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
    /// The place of the call that the service was asked for last.
    static NEXT: Cell<Option<Placed>> = const { Cell::new(None) };
}

/// Notes where the stream that is spawned next runs: on this runtime if nothing is said.
pub(super) fn place_next(placed: Option<Placed>) {
    NEXT.set(placed);
}

/// Notes, while a call is polled, when it has to end if the peer does not take what it was just handed.
pub(in crate::provider) fn handed_out(deadline: Instant) {
    STUCK_UNTIL.set(Some(deadline));
}

/// Notes that the call was asked for more, so that its own deadline is looked at.
pub(in crate::provider) fn asked_again() {
    STUCK_UNTIL.set(None);
}

/// Spawns the streams of a connection where their calls were placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams;

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let stream = Watched {
            stream,
            stuck: None,
        };
        match NEXT.take() {
            Some(placed) => placed.spawn(stream),
            None => drop(tokio::spawn(stream)),
        }
    }
}

pin_project_lite::pin_project! {
    /// A stream that ends, and so is reset, when its peer takes no bytes until the deadline.
    struct Watched<F> {
        #[pin]
        stream: F,
        stuck: Option<Pin<Box<Sleep>>>,
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        STUCK_UNTIL.set(None);
        if this.stream.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if let Some(deadline) = STUCK_UNTIL.take()
            && this.stuck.is_none()
        {
            *this.stuck = Some(Box::pin(sleep_until(deadline)));
        }
        match this.stuck {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
