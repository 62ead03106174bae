//! Whole processes against real servers: what the tests in `tests/` start, and how they read it.
//!
//! Everything listens on free ports of 127.0.0.1. A program of ours that gets port 0 says in its log which one it took.

mod binary;
mod configuration;
mod program;
mod scrape;
mod terminal;

pub use binary::binary;
pub use configuration::prometheus_pull;
pub use program::{LONG, Program, Summary};
pub use scrape::Scrape;
pub use terminal::Terminal;
