//! Whole processes against real servers: what the tests in `tests/` start, and how they read it.
//!
//! Everything listens on free ports of 127.0.0.1. A program of ours that gets port 0 says in its log which one it took.

mod binary;
mod network;
mod program;
mod scrape;
mod summary;
mod terminal;

pub use binary::binary;
pub use network::in_own_network;
pub use program::{PROGRAMS, Program};
pub use scrape::Scrape;
pub use summary::Summary;
pub use terminal::Terminal;
