//! Connect's conformance suite: its service on our provider, and its client on our consumer.
//!
//! <https://github.com/connectrpc/conformance>

mod client;
mod exchange;
mod service;

pub use client::run as client;
pub use exchange::serve as server;
pub use service::Conformance;
