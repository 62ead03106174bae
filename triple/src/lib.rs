//! A Dubbo provider and consumer on tonic.
//!
//! A [`Provider`] serves tonic's generated services over Triple (gRPC on HTTP/2) with everything that Dubbo consumers
//! expect beside them; a [`Consumer`] is the channel under a generated client, that finds its providers in a registry,
//! balances and fails over. Both work with dubbo-go on the other side. [`Runtime`] gives them threads, [`Signals`] tells
//! when to stop.

mod consumer;
mod header;
mod observer;
mod provider;
mod runtime;
mod signal;
mod status;
mod timeout;

/// Dubbo's metadata service, as generated.
#[expect(unreachable_pub, reason = "generated code")]
mod pb {
    tonic::include_proto!("org.apache.dubbo.metadata");

    pub(crate) const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}

pub use consumer::{
    Consumer, ConsumerBody, ConsumerFuture, ConsumerMetrics, ConsumerOptions, LoadBalance,
    RpcMetadata, UnknownLoadBalance,
};
pub use observer::MeasuredRegistry;
pub use provider::{DRAIN_LIMIT, DescriptorError, Provider, ServeError, Serving};
pub use runtime::{Runtime, Shape, UnknownShape, Workers};
pub use signal::Signals;
pub use status::{BUSINESS_CODE, business_error, wire_code};
