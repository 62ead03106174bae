//! The status page, in a real browser, on running processes.

mod demo;
mod endpoint;
mod expected;
mod looks;
mod many_methods;
mod picture;
