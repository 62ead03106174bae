//! The program that Connect's suite tests: `conformance server` is our provider, `conformance client` our consumer.

use std::io;

#[tokio::main]
async fn main() -> io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("server") => conformance::connect::server().await,
        Some("client") => conformance::connect::client().await,
        _ => Err(io::Error::other("expected server or client")),
    }
}
