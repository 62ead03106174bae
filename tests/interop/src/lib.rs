//! Our server and client beside real dubbo-go and Java ones: what the tests start, load, break and compare.
//!
//! The dubbo-go side is the program in `peer/`, the Java side the one in `java/`, and `grpc/` is a peer on plain grpc-go; each is
//! built when the first test asks for it. Everything runs on this machine, most of it on 127.0.0.1, and on a ZooKeeper that the
//! test starts itself.
//!
//! This crate is for tests only: what goes wrong in it is a panic that says what to look at.

mod beside;
mod consumer;
mod counts;
mod grpc;
mod java;
mod language;
mod link;
mod peer;
mod provider;
mod report;
mod rules;

pub use beside::{
    Args, Compared, Cost, Extent, Fault, Limited, Overload, beside, happens, overloads,
};
pub use consumer::{Consumer, Load};
pub use counts::Counts;
pub use grpc::{GrpcProvider, GrpcReport};
pub use java::{older_consumer, operator};
pub use language::Language;
pub use link::Link;
pub use peer::{grpc_peer, peer};
pub use provider::Provider;
pub use report::Report;
pub use rules::{BUSINESS, Scraped};

/// The ZooKeeper session timeout of our processes, unless a test asks for another; dubbo-go's is 5 s.
pub(crate) const SESSION_TIMEOUT: &str = "5s";
