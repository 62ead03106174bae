//! The one table of metric families: name, type, help, labels, unit, and what each means beside dubbo-go's.

mod calls;
mod process;
mod registry;

use std::borrow::Cow;

pub(crate) use calls::{CALLS, CallRow, CallSource};
pub(crate) use process::{
    ACTIVE_SIZE, APPLICATION_INFO, FOLDED, PROCESS, PUSH_LAST_SUCCESS, PUSH_REQUESTS, ProcessRow,
    QUEUE_SIZE, THREAD_COUNT,
};
#[cfg(feature = "push")]
pub(crate) use process::{PUSH_FINAL, PUSHED_AT};
pub(crate) use registry::{REGISTRY, RegistryRow, RegistrySource};

use crate::exposition::Type;
use crate::key::Side;

/// The labels of families that belong to the whole application.
pub(crate) const APPLICATION_LABELS: &[&str] = &[
    "application_name",
    "application_version",
    "git_commit_id",
    "hostname",
    "ip",
];
/// The labels of families that belong to one method.
pub(crate) const METHOD_LABELS: &[&str] = &[
    "application_name",
    "application_version",
    "group",
    "hostname",
    "interface",
    "ip",
    "method",
    "version",
];

/// One metric family as it is exported and documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name.
    pub name: Cow<'static, str>,
    /// The type.
    pub kind: Type,
    /// The help text.
    pub help: Cow<'static, str>,
    /// The unit of the values.
    pub unit: &'static str,
    /// The label names.
    pub labels: Vec<&'static str>,
    /// How it compares with the family of the same name in dubbo-go 3.3.2, or that there is none.
    pub remark: &'static str,
}

/// Returns every family that a process can export, in the order of the text.
pub fn families() -> Vec<Family> {
    let calls = [Side::Provider, Side::Consumer]
        .into_iter()
        .flat_map(|side| CALLS.iter().filter_map(move |row| row.family(side)));
    calls
        .chain(REGISTRY.iter().flat_map(RegistryRow::families))
        .chain(PROCESS.iter().map(ProcessRow::family))
        .collect()
}

fn labels(base: &[&'static str], extra: &[&'static str]) -> Vec<&'static str> {
    base.iter().chain(extra).copied().collect()
}

#[cfg(test)]
mod tests;
