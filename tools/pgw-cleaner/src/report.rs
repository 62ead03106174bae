//! What a pass saw and did.

mod json;
mod table;

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use crate::args::Output;
use crate::error::PassError;
use crate::exit::ExitStatus;
use crate::group::Group;
use crate::select::Verdict;

/// What a pass saw and did.
#[derive(Debug)]
pub struct Report {
    /// The gateway, without user information.
    pub gateway: String,
    /// Whether nothing was to be deleted.
    pub dry_run: bool,
    /// The gateway's clock at the first reading, since 1970.
    pub gateway_time: Option<Duration>,
    /// How many groups there were of each verdict.
    pub verdicts: HashMap<Verdict, usize>,
    /// The groups that were to go, the oldest first.
    pub rows: Vec<Row>,
    /// How often all groups were read.
    pub readings: usize,
    /// The longest time from asking for a reading to the answer to a deletion that rested on it.
    ///
    /// A push that came within it may have been deleted with its group; the next push brings the group back.
    pub window: Option<Duration>,
    /// How long the pass took.
    pub duration: Duration,
    /// Why it ended before its end, if it did.
    pub error: Option<PassError>,
}

/// A group that was to go.
#[derive(Clone, Debug)]
pub struct Row {
    /// The group.
    pub group: Group,
    /// Time since its last push, at the first reading.
    pub age: Duration,
    /// The TTL that applies to it.
    pub ttl: Duration,
    /// What became of it.
    pub outcome: Outcome,
    /// How often its deletion was sent.
    pub attempts: u32,
}

/// What became of a group that was to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway accepted its deletion.
    Deleted,
    /// It would have been deleted.
    WouldDelete,
    /// It had a push between the two readings: it was spared.
    PushedAgain,
    /// It was gone before its turn.
    Vanished,
    /// Its deletion failed.
    Failed(String),
    /// The pass ended before its turn.
    Kept,
}

// === impl Report ===

impl Report {
    /// Makes the report of a pass that has not begun.
    pub(crate) fn new(gateway: String, dry_run: bool) -> Self {
        Self {
            gateway,
            dry_run,
            gateway_time: None,
            verdicts: HashMap::new(),
            rows: Vec::new(),
            readings: 0,
            window: None,
            duration: Duration::ZERO,
            error: None,
        }
    }

    /// Returns how many groups there were.
    pub(crate) fn seen(&self) -> usize {
        self.verdicts.values().sum()
    }

    /// Returns how many of the groups that were to go have an outcome of the given name.
    pub(crate) fn count(&self, outcome: &str) -> usize {
        self.rows
            .iter()
            .filter(|row| row.outcome.name() == outcome)
            .count()
    }

    /// Returns the summary in one line.
    pub(crate) fn summary(&self) -> String {
        table::summary(self)
    }

    /// Returns why the pass ended before its end, with all causes.
    pub fn error_text(&self) -> Option<String> {
        self.error
            .as_ref()
            .map(|error| pushgateway::with_causes(error))
    }

    /// Returns how a program that made only this pass ends.
    pub fn exit_status(&self) -> ExitStatus {
        match &self.error {
            Some(PassError::Listing(_) | PassError::Deletion(_)) => ExitStatus::Gateway,
            Some(PassError::TooMany { .. } | PassError::Window(_) | PassError::Stopped) => {
                ExitStatus::Incomplete
            }
            None if self.count("failed") > 0 => ExitStatus::Incomplete,
            None => ExitStatus::Success,
        }
    }

    /// Writes the report in the given form; a reader that has gone is no error.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write(&self, form: Output, out: &mut impl Write) -> io::Result<()> {
        let written = match form {
            Output::Table => table::write(self, out),
            Output::Json => json::write(self, out),
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Returns the name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::WouldDelete => "would_delete",
            Self::PushedAgain => "pushed_again",
            Self::Vanished => "vanished",
            Self::Failed(_) => "failed",
            Self::Kept => "kept",
        }
    }

    /// Returns what the table says.
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::WouldDelete => "would be deleted",
            Self::PushedAgain => "spared: pushed to again",
            Self::Vanished => "already gone",
            Self::Failed(_) => "failed",
            Self::Kept => "kept: the pass ended before",
        }
    }
}

#[cfg(test)]
mod tests;
