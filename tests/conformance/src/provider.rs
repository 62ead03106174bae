//! The suites' services on our provider.

use tokio::net::TcpListener;
use triple::{Provider, Serving, Workers};

use crate::connect::Conformance;
use crate::interop::Testing;
use crate::pb::conformance::conformance_service_server::ConformanceServiceServer;
use crate::pb::testing::test_service_server::TestServiceServer;
use crate::pb::{conformance, testing};
use crate::trailers::SendTrailers;

/// Serves both suites' services on a free port of loopback.
///
/// # Panics
/// When that can't be done.
pub async fn serve() -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("loopback has a free port");
    let conformance = ConformanceServiceServer::new(Conformance);
    // The suite's limit is 200 KiB, which it sends with each server's configuration.
    let conformance = conformance.max_decoding_message_size(200 * 1024);
    Provider::new("conformance")
        .service(TestServiceServer::new(Testing), testing::DESCRIPTORS)
        .and_then(|provider| provider.service(conformance, conformance::DESCRIPTORS))
        .expect("the descriptors describe the services")
        .layer(SendTrailers)
        .serve(listener, &Workers::here())
        .await
        .expect("a provider can serve")
}
