//! Dubbo's metadata service, as `build.rs` generates it from `proto/metadata_service_v2.proto`.
#![expect(unreachable_pub, reason = "generated code")]

tonic::include_proto!("org.apache.dubbo.metadata");

pub(crate) const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
