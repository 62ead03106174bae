//! What measuring a call costs, in time, in instructions and in memory. `docs/benchmarks.md` has the results.

mod echo;
mod population;

pub use echo::{Echo, Empty, layered_call, request};
pub use population::{METHODS, SERVICE, method, metrics, populate, services};
