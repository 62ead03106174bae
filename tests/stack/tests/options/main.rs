//! The mixin with other options than its own: what `_config` promises holds in the rules and in the dashboard, and what makes no sense is refused. And
//! the mixin in another project, as its README says.

mod chosen;
mod made;
mod vendored;
mod wrong;

use std::path::PathBuf;

use stack::path;

/// Returns the folder of the mixin.
fn mixin() -> PathBuf {
    let mixin = path("prometheus_grafana/mixin");
    mixin.canonicalize().expect("the mixin is there")
}
