//! An endpoint of the test's own.

use std::net::SocketAddr;

use metrics_core::Endpoint;
use tokio::net::TcpListener;

/// Serves it for as long as the test lasts, and returns where.
pub(crate) async fn serve(endpoint: Endpoint) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(endpoint.serve(listener, std::future::pending()));
    address
}
