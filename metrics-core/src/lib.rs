//! Measures gRPC calls exactly and hands the figures to Prometheus, by pull or by push.
//!
//! Three lines measure a tonic server: make the metrics, wrap the server in a layer, serve the figures.
//!
//! ```no_run
//! use greet::greet_service_server::{GreetService, GreetServiceServer};
//! use greet::{GreetRequest, GreetResponse};
//! use metrics_core::{Config, Endpoint, Metrics, ProviderLayer, KnownService};
//! use tonic::{Request, Response, Status, transport::Server};
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
//!     let metrics = Metrics::new(Config::default())?;                                                // 1
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:9099").await?;
//!     tokio::spawn(Endpoint::new(&metrics).serve(listener, std::future::pending()));                 // 2
//!     Server::builder()
//!         .layer(ProviderLayer::new(&metrics, &[KnownService::new("greet.GreetService", ["Greet"])]))     // 3
//!         .add_service(GreetServiceServer::new(Greeter))
//!         .serve("127.0.0.1:20000".parse()?)
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! <http://127.0.0.1:9099/> draws them, and `curl 127.0.0.1:9099/prometheus` shows what Prometheus reads. `examples/` has a provider, a consumer and a pusher to run.
//!
//! # What is where
//!
//! * [`Metrics`] is the handle that everything hangs on. Its [`ticker`](Metrics::ticker) moves the sliding window; its owner spawns it.
//! * [`ProviderLayer`] and [`ConsumerLayer`] are tower layers for servers and clients. [`Method`] and [`Call`] measure calls of any other kind.
//! * [`Endpoint`] serves the figures and a status page, [`Pusher`] pushes them, and [`Probes`] tell the supervisor of the process how it is.
//! * [`RegistryMetrics`] is told what happens with a registry, and [`Figures`] tell a program what a scrape tells Prometheus.
//!
//! # Features
//!
//! * `endpoint` (on by default): [`Endpoint`], its page and [`Probes`]. Without it, [`Metrics::scrape`] answers a route of your own, and
//!   [`Metrics::collector`] puts the figures into a registry of your own: `docs/embedding.md`.
//! * `push` (on by default): [`Pusher`].
//!
//! # What it promises
//!
//! * Every call is counted, once, whatever becomes of it: answered, failed, timed out, dropped, panicked, or streamed to a caller that is gone.
//! * In every scrape, total = succeeded + failed, calls in flight are not negative, and no counter steps back.
//! * A call costs some tens of nanoseconds and allocates nothing; no lock is taken, and nothing that is measured can fail or wait.
//! * The number of series is bounded, and calls beyond the bound are still counted.
//!
//! `docs/metrics.md` lists every family, and `docs/benchmarks.md` what measuring costs.

// `counters.rs` and `slots.rs` take their atomics from their parent: these here, and loom's in `tests/ordering.rs`.
use std::sync::atomic;

mod buckets;
mod call;
mod clock;

mod config;
mod counters;
#[cfg(feature = "endpoint")]
mod endpoint;
mod exemplars;
mod exposition;
mod families;
mod key;
mod layer;
mod methods;
mod metrics;
mod native;
mod negotiation;
mod outcome;
#[cfg(feature = "endpoint")]
mod probe;
#[cfg(target_os = "linux")]
mod process;
#[cfg(feature = "push")]
mod pusher;
mod pushes;
mod reading;
mod registry;
mod runtime;
mod scrape;
mod series;
mod shard;
mod slots;
mod window;

pub use buckets::MAX_BOUND_SECONDS;
pub use call::{Attempts, Call, Method};
pub use clock::{Clock, ManualClock};

pub use config::{
    Application, Config, ConfigError, DEFAULT_BUCKETS, DEFAULT_SERIES_CAP, DEFAULT_WINDOW,
    Families, WINDOW_RANGE,
};
#[cfg(feature = "endpoint")]
pub use endpoint::{Endpoint, METRICS_PATH, MetricsPath, PathError};
pub use exposition::Type;
pub use families::{Family, families};
pub use key::{KnownService, MAX_NAME, MethodKey, ServiceError, Side, UNKNOWN_METHOD};
pub use layer::{
    Classify, ConsumerLayer, ErrorsAreUnknown, Measure, ProviderLayer, RequestBody, ResponseBody,
    ResponseFuture, grpc_timeout,
};
pub use methods::Methods;
pub use metrics::{Figures, Latency, Metrics};
pub use negotiation::Scrape;
pub use outcome::{Fault, Outcome, OutcomeKind, Outcomes};
#[cfg(feature = "endpoint")]
pub use probe::{Probes, Readiness};
#[cfg(feature = "push")]
pub use pusher::{AtStop, DEFAULT_PUSH_INTERVAL, MIN_PUSH_INTERVAL, Pusher};
pub use registry::{DirectorySizes, RegistryMetrics};
pub use scrape::Registered;
pub use window::PANES;
