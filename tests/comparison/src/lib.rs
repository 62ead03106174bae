//! Our release binaries beside real dubbo-go and plain tonic, measured in turns on one machine: what `./bench.sh` runs.
//!
//! `docs/benchmarks.md` has the results. Three programs of this crate take part: `plain-tonic`, tonic with nothing around it, `load`,
//! our provider with as many methods or as often as wanted, and `embedded`, our consumer in a program with a runtime of its own.
//!
//! Servers and programs are started through `test-servers`: what cannot be started is a panic that says what to install.

mod args;
mod bench;
mod comparison;
mod cpu_time;
mod extent;
mod fit;
mod h2load;
mod machine;
mod part;
mod plot;
mod programs;
mod progress;
mod quantity;
mod report;
mod results;
mod running;
mod statistics;
mod subject;
mod tally;
mod targets;

pub use args::{Args, Output};
pub use comparison::run;
pub use h2load::method_names;
pub use statistics::quantile;
pub use tally::Tally;
