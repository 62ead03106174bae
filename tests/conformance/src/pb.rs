//! The generated code of the suites' services.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

pub mod testing {
    tonic::include_proto!("grpc.testing");

    pub const DESCRIPTORS: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/interop_descriptor.bin"));
}

pub mod conformance {
    tonic::include_proto!("connectrpc.conformance.v1");

    pub const DESCRIPTORS: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/connect_descriptor.bin"));
}
