//! What is wrong with a configuration.

use std::time::Duration;

/// A configuration that cannot be measured with.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The window is outside [`WINDOW_RANGE`](crate::WINDOW_RANGE).
    #[error("a window of {0:?} is outside 100ms to 1h")]
    Window(Duration),
    /// No series at all are allowed.
    #[error("the cap on series is 0: allow at least 1")]
    SeriesCap,
    /// The buckets are not finite, positive and ascending, or one is above [`MAX_BOUND_SECONDS`](crate::MAX_BOUND_SECONDS).
    #[error(
        "the buckets {0:?} are not positive seconds in ascending order, up to 8727 (2 hours 25 minutes)"
    )]
    Buckets(Vec<f64>),
    /// A further label's name is none, or is one that a family has already.
    #[error("`{0}` cannot be a further label: it is no name of a label, or one that a family has")]
    Label(String),
}
