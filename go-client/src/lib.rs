//! The consumer sample: calls on a schedule, and what became of them.

mod args;
mod call;
mod schedule;
mod tally;

pub use args::{Args, Config};
pub use call::{Greeter, Output};
pub use schedule::{Call, Schedule};
pub use tally::Tally;
