//! What can go wrong between this process and the registry.

use std::time::Duration;

/// Why the registry could not do what it was asked for.
///
/// No variant carries credentials: those of the configuration are never part of a message.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name cannot be part of a ZooKeeper path.
    #[error("the {what} {value:?} cannot be registered: {reason}")]
    Name {
        /// What the name is for.
        what: &'static str,
        /// The name.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The registry was closed, or the announcement withdrawn, before it was done.
    #[error("the registry was closed")]
    Closed,
    /// The registry did not confirm within the deadline.
    #[error("the registry did not confirm within {0:?}")]
    Deadline(Duration),
}
