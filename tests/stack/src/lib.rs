//! How tests read the files of the monitoring stack.

mod dashboard;
mod files;

pub use dashboard::expressions;
pub use files::{all_yaml, json, path, text, tool, yaml};
