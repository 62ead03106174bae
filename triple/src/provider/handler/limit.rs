//! The deadline of one call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline, and the timer that wakes the task then: made only when the work is not done at the first poll.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Limit {
    /// Begins a deadline that is this far away.
    pub(super) fn after(limit: Duration) -> Self {
        Self {
            at: Instant::now() + limit,
            timer: None,
        }
    }

    /// Completes when the deadline has passed.
    pub(super) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        self.timer
            .get_or_insert_with(|| Box::pin(sleep_until(at)))
            .as_mut()
            .poll(cx)
    }
}
