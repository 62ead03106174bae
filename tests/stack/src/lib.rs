//! How tests read the files of the monitoring stack.

mod files;

pub use files::{all_yaml, json, path, text, tool, yaml};
