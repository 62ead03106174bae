//! An HTTP/1.1 server for scrapes and probes, with limits on all that a stranger can send.
//!
//! A metrics port is open to every host that reaches it, and the process behind it has other work. So every connection is bounded
//! in time, in the size of what it sends, and in number, and what is being answered at the same time is too: [`Limits`].
//! When there are as many connections as there may be, the one that has been silent for longest gives way, so that
//! connections which are opened and left alone never keep a scraper out. [`ServerTls`] and a [`Login`] are there for ports on
//! networks that are not trusted. Feature `clap` adds the command-line options.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use axum::{Router, routing::get};
//! use guarded_http::Server;
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let router = Router::new().route("/live", get(async || "ok"));
//! Server::new(router).serve(listener, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "clap")]
mod args;
mod complaints;
mod connection;
mod connection_limit;
mod guesses;
mod limits;
mod login;
mod protection;
mod server;
mod socket;
mod sys;
mod write_timeout;

#[cfg(feature = "clap")]
pub use args::{ProtectionArgs, ProtectionError};
pub use complaints::{Complaints, Ends};
pub use credentials::{Error, Identity, Secret, ServerTls};
pub use limits::{Limits, share_of_descriptors};
pub use login::{Login, LoginError};
pub use protection::Protection;
pub use server::{PROTOCOLS, Server, accept};
pub use socket::listen;
pub use sys::raise_descriptors;
