//! Removes Pushgateway groups that nobody pushes to any more.
//!
//! The way through the crate is the way of a pass: [`Listing`] reads all groups, [`Selection`] judges each, [`Sweeper`]
//! reads again before each batch of deletions and deletes, [`Report`] says what was done. [`daemon`] repeats it.

pub mod args;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod endpoint;
pub mod exit;
pub mod group;
pub mod listing;
pub mod metrics;
pub mod report;
pub mod select;
pub mod sweep;
pub mod time;

pub use args::Args;
pub use config::Config;
pub use exit::ExitStatus;
pub use group::Group;
pub use listing::Listing;
pub use metrics::Metrics;
pub use report::Report;
pub use select::{Selection, Verdict};
pub use sweep::Sweeper;
