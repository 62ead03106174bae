//! One pass: read all groups, pick those that are to go, and delete them in batches.
//!
//! The Pushgateway can neither show one group nor delete one on a condition. So all groups are read again right before
//! each batch, and whatever was pushed to in between is spared. What remains is the time from that reading to the
//! deletion: it is bounded by the size of a batch and the age of its reading, it is measured, and it is reported.

mod batch;
mod reading;

use std::collections::VecDeque;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use pushgateway::Gateway;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::ClockHistory;
use crate::deletion::{Deletion, Limit};
use crate::error::PassError;
use crate::metrics::{Failure, Metrics};
use crate::pass::reading::GroupState;
use crate::report::{Outcome, Report};
use crate::select::Selection;

/// How often one deletion is tried, each time after a new reading.
const ATTEMPTS: u32 = 3;
/// How many batches in a row may go without a single answer to a deletion, or without a single deletion.
const BARREN_BATCHES: u32 = 3;
/// How often the last reading is repeated while the gateway works off deletions that it has only accepted so far.
const VERIFICATIONS: usize = 6;

/// Makes passes over one gateway; one at a time, as each needs it whole.
#[derive(Debug)]
pub struct Cleaner {
    gateway: Gateway,
    selection: Selection,
    deletion: Deletion,
    metrics: Metrics,
    /// The gateway's clock in the readings before, be they of this pass or of earlier ones.
    clocks: ClockHistory,
}

impl Cleaner {
    /// Makes a cleaner; nothing is sent yet.
    pub fn new(
        gateway: Gateway,
        selection: Selection,
        deletion: Deletion,
        metrics: Metrics,
    ) -> Self {
        Self {
            gateway,
            selection,
            deletion,
            metrics,
            clocks: ClockHistory::default(),
        }
    }

    /// Makes a pass; a stop lets deletions that are under way come to their end, and leaves the others.
    pub async fn pass(&mut self, stop: &CancellationToken) -> Report {
        let started = Instant::now();
        let mut report = Report::new(self.gateway.address().to_string(), self.deletion.dry_run);
        report.error = self.run(&mut report, stop).await.err();
        report.duration = started.elapsed();
        self.metrics.pass_ended(&report);
        report
    }

    /// Notes that there was no reading for longer than planned: the next one begins a new count of silence.
    pub fn interrupt(&mut self) {
        self.clocks.interrupt();
    }

    async fn run(
        &mut self,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> Result<(), PassError> {
        self.survey(report, stop).await?;
        let selected = report.rows.len();
        if let Limit(Some(limit)) = self.deletion.max_deletes
            && selected > limit
        {
            return Err(PassError::TooMany { selected, limit });
        }
        if self.deletion.dry_run {
            report
                .rows
                .iter_mut()
                .for_each(|row| row.outcome = Outcome::WouldDelete);
            return Ok(());
        }
        self.delete_all(report, stop).await?;
        if self.deletion.verify {
            self.verify(report, stop).await
        } else {
            Ok(())
        }
    }

    /// Works off all rows, the oldest first.
    async fn delete_all(
        &mut self,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> Result<(), PassError> {
        let mut waiting: VecDeque<usize> = (0..report.rows.len()).collect();
        let batch_size = usize::try_from(self.deletion.batch_size).unwrap_or(usize::MAX);
        let mut pauses = pauses(usize::MAX);
        let (mut barren, mut idle) = (0, 0);
        while !waiting.is_empty() {
            let rows = waiting.drain(..waiting.len().min(batch_size)).collect();
            let batch = self.batch(rows, report, stop).await?;
            // What was not sent goes first again, as it is the oldest.
            batch
                .again
                .into_iter()
                .rev()
                .for_each(|row| waiting.push_front(row));
            if stop.is_cancelled() && !waiting.is_empty() {
                return Err(PassError::Stopped);
            }
            idle = if batch.idle { idle + 1 } else { 0 };
            if idle == BARREN_BATCHES {
                return Err(PassError::Window(self.deletion.max_window));
            }
            let Some(trouble) = batch.trouble else {
                continue;
            };
            barren = if batch.answered { 0 } else { barren + 1 };
            if barren == BARREN_BATCHES {
                return Err(PassError::Deletion(trouble));
            }
            pause(pauses.next(), stop).await?;
        }
        Ok(())
    }

    /// Reads until every deleted group is gone or was pushed to again, and reports those that stay as they were.
    async fn verify(
        &mut self,
        report: &mut Report,
        stop: &CancellationToken,
    ) -> Result<(), PassError> {
        let mut deleted: Vec<usize> = (0..report.rows.len())
            .filter(|&row| matches!(report.rows[row].outcome, Outcome::Deleted))
            .collect();
        let mut pauses = pauses(VERIFICATIONS);
        while !deleted.is_empty() {
            let (_, states) = self.states(&deleted, report, stop).await?;
            let unchanged =
                |standing: GroupState| matches!(standing, GroupState::Expired | GroupState::Spared);
            deleted = deleted
                .into_iter()
                .zip(states)
                .filter_map(|(row, standing)| unchanged(standing).then_some(row))
                .collect();
            match pauses.next() {
                Some(next) if !deleted.is_empty() => pause(Some(next), stop).await?,
                _ => break,
            }
        }
        for row in deleted {
            self.metrics.failed(Failure::StillListed);
            report.rows[row].outcome = Outcome::Failed(
                "the Pushgateway accepted the deletion but still lists the group".into(),
            );
        }
        Ok(())
    }
}

/// Returns growing pauses between tries, from 0.1 s to 2 s, each with jitter.
fn pauses(times: usize) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .with_max_times(times)
        .build()
}

/// Waits, unless a stop comes first.
async fn pause(time: Option<Duration>, stop: &CancellationToken) -> Result<(), PassError> {
    match stop
        .run_until_cancelled(tokio::time::sleep(time.unwrap_or_default()))
        .await
    {
        Some(()) => Ok(()),
        None => Err(PassError::Stopped),
    }
}
