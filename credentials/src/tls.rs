//! TLS on rustls with ring, from files that are read again: what a server shows and asks for, and whom a client trusts.
//!
//! The files are looked at for each new connection. A renewed certificate, key or authority is used from the next connection on, and
//! connections that stand keep theirs. Files that cannot be used any more are told to the log, and what was read before stays in use:
//! while one file is written and the other is not yet, the two do not fit.

mod client;
mod material;
mod renewed;
mod server;

pub use client::{Authorities, ClientTls};
pub use server::ServerTls;
