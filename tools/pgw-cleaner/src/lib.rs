//! Removes Pushgateway groups that no process pushes to any more.
//!
//! The way through the crate is the way of a pass: [`Listing`] reads all groups, [`Selection`] judges each, [`Cleaner`]
//! reads again before each batch of deletions and deletes, [`Report`] says what was done. [`daemon`] repeats it.
//!
//! What each part protects:
//!
//! | Part | Without it |
//! |---|---|
//! | `clock` | a clock that is set, ours or the gateway's, makes live groups look old |
//! | `listing` | an answer that breaks off, is cached or is none of a Pushgateway is taken for the truth; one of 100 MB is held in memory |
//! | `listing::status` | the time while a gateway was down counts as the silence of its groups |
//! | `group` | a pusher whose pushes fail loses its group; a metric that is called `labels` saves its group for ever |
//! | `select` | a group of another job, a protected one, or one whose age is not known is deleted |
//! | `pass::reading` | a group that was pushed to after the first reading is deleted |
//! | `pass::batch` | the second reading becomes old during thousands of deletions; one that was refused is tried for ever |
//! | `report`, `exit` | scripts cannot tell what went wrong |
//! | `metrics`, `endpoint` | a daemon that fails or hangs does so unseen |

mod args;
mod clock;
pub mod config;
pub mod daemon;
mod deletion;
mod endpoint;
mod error;
mod exit;
mod group;
pub mod listing;
mod metrics;
mod pass;
pub mod report;
mod select;
mod sys;
mod time;

pub use args::{Args, Output};
pub use clock::GatewayClock;
pub use config::Config;
pub use deletion::{Deletion, Limit};
pub use error::PassError;
pub use exit::ExitStatus;
pub use group::Group;
pub use listing::Listing;
pub use metrics::Metrics;
pub use pass::Cleaner;
pub use report::Report;
pub use select::{JobPrefix, LabelValue, Selection, Verdict};
pub use sys::StopRequests;
