//! Suites and clients that others wrote, on our provider and our consumer.
//!
//! The services of the suites are implemented here on `triple`; the suites themselves come from Go modules, pinned in `tools/`, and are
//! built when the first test asks for them.
//!
//! This crate is for tests only: what goes wrong in it is a panic that says what to look at.

pub mod connect;
pub mod interop;
mod pb;
mod provider;
mod tools;
mod trailers;

pub use provider::serve;
pub use tools::{output, tool};
