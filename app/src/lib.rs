//! What the sample's processes share: options, logs, and the way from start to stop.
//!
//! A program derives its own `clap` options around [`ProcessArgs`], turns them into its configuration by
//! [`CommandLine`], and hands that to its run. What is said here is said once for server, client and demo.

mod address;
mod allocator;
mod args;
mod config;
mod exit;
mod export;
mod instance;
mod listener;
mod logs;
mod measure;
mod probes;
mod process;
mod run;

pub use args::{CommandLine, Defaults, MeasureArgs, ProcessArgs, command, parse, value};
pub use config::ProcessConfig;
pub use dubbo_registry::RegisterMode;
pub use exit::code as exit_code;
pub use export::{Ending, Exporter};
pub use guarded_http::raise_descriptors;
pub use listener::listen;
pub use logs::start as start_logs;
pub use measure::Measuring;
pub use process::{Discovery, Process};
pub use run::run;
pub use triple::Shape;
