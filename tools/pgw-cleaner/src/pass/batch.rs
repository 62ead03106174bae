//! One batch of deletions, right after a reading.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use http::StatusCode;
use pushgateway::{Error, Gateway, with_causes};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::reading::GroupState;
use super::{ATTEMPTS, Cleaner};
use crate::error::PassError;
use crate::group::Group;
use crate::metrics::Failure;
use crate::report::{Outcome, Report};

/// How a batch ended.
#[derive(Debug)]
pub(super) struct Batch {
    /// Rows that are to be tried again after another reading, in their order.
    pub(super) again: Vec<usize>,
    /// A failure that may pass, if there was one.
    pub(super) trouble: Option<Error>,
    /// Whether the gateway answered any deletion at all.
    pub(super) answered: bool,
    /// Whether there was something to delete, and no deletion was sent.
    pub(super) idle: bool,
}

/// What came of one deletion.
enum Attempt {
    /// The gateway accepted it, this long after the reading was asked for.
    Accepted(Duration),
    /// It did not.
    Failed(Error),
    /// It was not sent: a stop, a failure of another one, or a reading that has become too old.
    NotSent,
}

impl Cleaner {
    /// Reads all groups again and deletes those of the given rows that are still as they were.
    pub(super) async fn batch(
        &mut self,
        rows: Vec<usize>,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> Result<Batch, PassError> {
        let (clock, states) = self.states(&rows, report, stop).await?;
        let mut to_go = Vec::with_capacity(rows.len());
        for (row, standing) in rows.into_iter().zip(states) {
            let entry = &mut report.rows[row];
            entry.outcome = match standing {
                GroupState::Expired => {
                    to_go.push(row);
                    continue;
                }
                // The answer to an earlier deletion was lost on its way.
                GroupState::Gone if entry.attempts > 0 => {
                    self.metrics.deleted();
                    Outcome::Deleted
                }
                GroupState::Gone => Outcome::Vanished,
                GroupState::Pushed | GroupState::Spared => Outcome::PushedAgain,
                GroupState::Ambiguous => {
                    self.metrics.failed(Failure::Ambiguous);
                    Outcome::Failed(
                        "its labels are hidden, and another group may be meant by them".into(),
                    )
                }
            };
        }
        let attempts = self.attempts(&to_go, report, clock.asked, stop).await;

        let mut batch = Batch {
            again: Vec::new(),
            trouble: None,
            answered: false,
            idle: !attempts.is_empty()
                && attempts
                    .iter()
                    .all(|attempt| matches!(attempt, Attempt::NotSent)),
        };
        let mut denied = None;
        for (row, attempt) in to_go.into_iter().zip(attempts) {
            let entry = &mut report.rows[row];
            entry.attempts += u32::from(!matches!(attempt, Attempt::NotSent));
            match attempt {
                Attempt::NotSent => batch.again.push(row),
                Attempt::Accepted(window) => {
                    batch.answered = true;
                    report.window = report.window.max(Some(window));
                    entry.outcome = Outcome::Deleted;
                }
                Attempt::Failed(error) => {
                    batch.answered |= error.status().is_some();
                    if is_denied(&error) {
                        denied = Some(error);
                    } else if error.is_transient() && entry.attempts < ATTEMPTS {
                        batch.again.push(row);
                        batch.trouble = Some(error);
                    } else {
                        self.metrics.failed(Failure::Deletion);
                        entry.outcome = Outcome::Failed(with_causes(&error));
                        batch.trouble = Some(error);
                    }
                }
            }
        }
        match denied {
            Some(error) => Err(PassError::Deletion(error)),
            None => Ok(batch),
        }
    }

    /// Sends the deletions, a few at a time, as long as nothing speaks against the next; results are in the rows' order.
    async fn attempts(
        &self,
        rows: &[usize],
        report: &Report,
        asked: Instant,
        stop: &CancellationToken,
    ) -> Vec<Attempt> {
        let (read, halt) = (Instant::now(), AtomicBool::new(false));
        let (mut running, mut attempts) = (FuturesOrdered::new(), Vec::with_capacity(rows.len()));
        for &row in rows {
            if running.len() == usize::from(self.deletion.workers) {
                attempts.extend(running.next().await);
            }
            let may_go = || {
                !stop.is_cancelled()
                    && !halt.load(Ordering::Relaxed)
                    && read.elapsed() <= self.deletion.max_window
            };
            running.push_back(self.attempt(&report.rows[row].group, asked, may_go, &halt));
        }
        attempts.extend(running.collect::<Vec<_>>().await);
        attempts
    }

    async fn attempt(
        &self,
        group: &Group,
        asked: Instant,
        may_go: impl Fn() -> bool,
        halt: &AtomicBool,
    ) -> Attempt {
        if !may_go() {
            return Attempt::NotSent;
        }
        match delete(&self.gateway, group).await {
            Ok(()) => {
                self.metrics.deleted();
                Attempt::Accepted(asked.elapsed())
            }
            Err(error) => {
                // Without an answer, every further one would cost its whole deadline.
                if error.status().is_none() || is_denied(&error) {
                    halt.store(true, Ordering::Relaxed);
                }
                Attempt::Failed(error)
            }
        }
    }
}

/// Deletes a group under every key that it may have.
async fn delete(gateway: &Gateway, group: &Group) -> Result<(), Error> {
    gateway.delete(&group.key).await?;
    match &group.also {
        Some(also) => gateway.delete(also).await,
        None => Ok(()),
    }
}

/// Says whether every other deletion would fail the same way: no permission, or nothing that could be sent.
fn is_denied(error: &Error) -> bool {
    match error.status() {
        Some(status) => matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        ),
        None => !error.is_transient(),
    }
}
