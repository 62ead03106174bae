//! The monitoring stack as tests see it: its files, its dashboard's queries, and the stack without Docker.

mod dashboard;
mod files;
mod manifests;
mod native;
mod rules;
mod value;

pub use dashboard::{Dashboard, all_panels, expressions};
pub use files::{all_yaml, json, path, text, tool, yaml};
pub use manifests::{manifests, objects, template};
pub use native::{Native, short_rules};
pub use rules::{families, own_selectors, rule_selectors};
pub use value::{list, string};
