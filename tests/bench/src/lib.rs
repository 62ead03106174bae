//! What measuring a call costs, in time, in instructions and in memory. `docs/benchmarks.md` has the results.

mod echo;
mod parallel;
mod population;
mod scrapes;

pub use echo::{Echo, Empty, TRACEPARENT, layered_call, request, traced_request};
pub use parallel::parallel;
pub use population::{method, metrics, populate, services};
pub use scrapes::{SCRAPES, ScrapeKind};
