//! The status page, in a real browser, on running processes.

mod crowd;
mod demo;
mod endpoint;
mod expected;
mod looks;
mod picture;
