//! A provider on the list that a consumer goes by.

use std::time::Duration;

/// A provider as the registry lists it.
#[derive(Debug)]
pub(crate) struct Listing {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) weight: u32,
    /// How long the provider warms up after its start, and how long ago that was, where it is known.
    pub(crate) warmup: Option<(Duration, Duration)>,
    /// False when the registry's list has become empty and this provider was on it until then: it is called as long as
    /// its connections live.
    pub(crate) listed: bool,
    /// The name and port that requests are addressed to, where it is not the address.
    pub(crate) authority: Option<String>,
}
