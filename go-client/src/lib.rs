//! The consumer sample: calls on a schedule, and what became of them.

mod args;
mod call;
mod schedule;
mod tally;

pub use args::{Args, Config};
pub use call::{Output, greet};
pub use schedule::Schedule;
pub use tally::Tally;
