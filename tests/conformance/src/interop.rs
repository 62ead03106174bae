//! gRPC's interoperability tests: the service on our provider, and the cases of a client on our consumer.
//!
//! What each case does is written at <https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md>.

mod cases;
mod service;

pub use cases::{CASES, COMPRESSED, run};
pub use service::Testing;
