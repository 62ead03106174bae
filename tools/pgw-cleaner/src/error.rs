//! Why a pass ended before its end.

use std::time::Duration;

use crate::listing::ListingError;

/// Why a pass ended before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// There was no reading to rely on.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// The gateway refuses deletions, or does not answer them.
    #[error("groups can be read but not deleted")]
    Deletion(#[source] pushgateway::Error),
    /// More groups were selected than `--max-deletes` allows.
    #[error(
        "{selected} groups would go, more than --max-deletes {limit}: nothing was deleted; \
         look at them with --dry-run, and raise the limit if they are right"
    )]
    TooMany {
        /// How many.
        selected: usize,
        /// The limit.
        limit: usize,
    },
    /// A reading was too old for any deletion, time after time.
    #[error(
        "no deletion could begin within --max-window {} of a reading: raise it",
        humantime::format_duration(*.0)
    )]
    Window(Duration),
    /// A signal came.
    #[error("stopped by a signal before the end of the pass")]
    Stopped,
}
