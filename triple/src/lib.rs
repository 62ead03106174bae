//! A Dubbo provider and consumer on tonic.
//!
//! A [`Provider`] serves tonic's generated services over Triple (gRPC on HTTP/2) with everything that Dubbo consumers
//! expect beside them; a [`Consumer`] is the channel under a generated client, that finds its providers in a registry,
//! balances and fails over. Both work with dubbo-go on the other side.
//!
//! ```
//! use dubbo_registry::{MemoryRegistry, Reference};
//! use greet::greet_service_client::GreetServiceClient;
//! use greet::greet_service_server::{GreetService, GreetServiceServer};
//! use greet::{GreetRequest, GreetResponse};
//! use tokio::net::TcpListener;
//! use tonic::{Request, Response, Status};
//! use triple::{Consumer, ConsumerOptions, Provider, Workers};
//!
//! struct Greeter;
//!
//! #[tonic::async_trait]
//! impl GreetService for Greeter {
//!     async fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
//!         let greeting = format!("hello {}", request.into_inner().name);
//!         Ok(Response::new(GreetResponse { greeting }))
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (registry, workers) = (MemoryRegistry::new(), Workers::here());
//!
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let mut serving = Provider::new("greeter")
//!         .service(GreetServiceServer::new(Greeter), greet::FILE_DESCRIPTOR_SET)?
//!         .serve(listener, &workers)
//!         .await?;
//!     serving.announce(&registry, "127.0.0.1")?.done().await?;
//!
//!     let reference = Reference::new(greet::INTERFACE)?;
//!     let consumer = Consumer::new(&registry, reference, &workers, ConsumerOptions::default());
//!     let answer = GreetServiceClient::new(consumer)
//!         .greet(GreetRequest { name: "world".into() })
//!         .await?;
//!     assert_eq!(answer.into_inner().greeting, "hello world");
//!     Ok(())
//! }
//! ```
//!
//! # What is where
//!
//! * [`Provider`] puts services together; [`Serving`] is one at work: announced, and leaving in an order that loses no call.
//! * [`Consumer`] calls by [`ConsumerOptions`]: deadlines, retries, [`LoadBalance`], connections, and where calls are measured;
//!   a [`MethodTable`] has what is known of single methods, and [`MethodOptions`] of their own.
//! * [`Runtime`] gives a process its threads, [`Workers`] are those that serve calls, and [`Signals`] tell when to stop.
//! * [`RpcMetadata`] and [`MeasuringObserver`] are what a registry is given: how to ask an instance what it offers, and whom to tell.
//! * [`ServerTls`] and [`ConsumerTls`] encrypt what both sides say; a [`Peer`] is who calls.
//! * [`Access`] lets only listed callers through, and a [`CallLimit`] only so many calls at a time: layers for [`Provider::layer`].
//! * [`business_error`] is a status that Dubbo counts as the business's own and does not try again; [`wire_code`] reads it.

mod access;
mod answer;
mod consumer;
mod header;
mod limit;
mod observer;
mod pb;
mod peer;
mod provider;
mod runtime;
mod signal;
mod status;
mod sys;
mod timeout;
mod tls;

pub use access::{Access, AccessRule, AccessService, AllowedCaller, InvalidAccessRule};
pub use consumer::{
    Consumer, ConsumerBody, ConsumerFuture, ConsumerMetrics, ConsumerOptions, LoadBalance,
    MethodOptions, MethodTable, RpcMetadata, UnknownLoadBalance,
};
pub use limit::{CallLimit, CallLimitFuture, CallLimitService};
pub use observer::MeasuringObserver;
pub use peer::{Peer, PeerCertificate};
pub use provider::{COMPANIONS, DescriptorError, Provider, ServeError, Services, Serving};
pub use runtime::{Runtime, Shape, UnknownShape, Workers};
pub use signal::Signals;
pub use status::{BUSINESS_CODE, business_error, wire_code};
pub use tls::{ConsumerTls, InvalidServerName, PROVIDER_PROTOCOLS, ServerTls};
