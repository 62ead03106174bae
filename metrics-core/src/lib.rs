//! Measures gRPC calls exactly and hands the figures to Prometheus, by pull or by push.

mod buckets;
mod call;
mod clock;
mod collector;
mod config;
mod endpoint;
mod exposition;
mod families;
mod key;
mod layer;
mod methods;
mod metrics;
mod outcome;
mod probe;
mod pusher;
mod reading;
mod registry;
mod runtime;
mod series;
mod shard;
mod window;

pub use call::{Attempts, Call, Method};
pub use clock::{Clock, Hand};
pub use config::{
    Application, Config, ConfigError, DEFAULT_BUCKETS, DEFAULT_SERIES_CAP, DEFAULT_WINDOW, PANES,
    WINDOW_RANGE,
};
pub use endpoint::{Endpoint, METRICS_PATH};
pub use exposition::CONTENT_TYPE;
pub use families::{Family, Type, families};
pub use key::{MethodKey, OTHER, Service, Side, UNKNOWN_METHOD};
pub use layer::{
    AnyError, Classify, ConsumerLayer, Measure, ProviderLayer, RequestBody, ResponseBody,
    ResponseFuture,
};
pub use methods::Methods;
pub use metrics::{Figures, Latency, Metrics};
pub use outcome::{Kind, Outcome, Outcomes};
pub use probe::{Probes, Readiness};
pub use pusher::{DEFAULT_PUSH_INTERVAL, MIN_PUSH_INTERVAL, Pusher};
pub use registry::{Directory, RegistryMetrics};
