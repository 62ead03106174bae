//! Removes Pushgateway groups that no process pushes to any more.
//!
//! The way through the crate is the way of a pass: [`Listing`] reads all groups, [`Selection`] judges each, [`Sweeper`]
//! reads again before each batch of deletions and deletes, [`Report`] says what was done. [`daemon`] repeats it.

mod args;
mod clock;
pub mod config;
pub mod daemon;
mod endpoint;
mod exit;
mod group;
pub mod listing;
mod metrics;
pub mod report;
mod select;
mod sweep;
mod sys;
mod time;

pub use args::{Args, Limit, Output};
pub use clock::Clock;
pub use config::Config;
pub use exit::ExitStatus;
pub use group::Group;
pub use listing::Listing;
pub use metrics::Metrics;
pub use report::Report;
pub use select::{JobPrefix, LabelValue, Selection, Verdict};
pub use sweep::{PassError, Sweeper};
pub use sys::StopRequests;
