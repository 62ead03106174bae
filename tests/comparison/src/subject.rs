//! Who is measured.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One implementation in one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// Ours on the runtime that steals work, which is the default; everything on.
    WorkStealing,
    /// The same with `--metrics=false`.
    WorkStealingBare,
    /// Ours with a runtime for each core; everything on.
    PerCore,
    /// The same with `--metrics=false`.
    PerCoreBare,
    /// dubbo-go with its metrics.
    DubboGo,
    /// dubbo-go without.
    DubboGoBare,
    /// Plain tonic on tokio's default runtime.
    Tonic,
    /// Plain tonic with a runtime for each core.
    TonicPerCore,
}

/// Whose implementation a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Server and client of this workspace.
    Ours,
    /// The peer on dubbo-go.
    DubboGo,
    /// Tonic with nothing around it.
    Tonic,
}

impl Subject {
    /// All subjects.
    pub(crate) const ALL: [Self; 8] = [
        Self::PerCore,
        Self::PerCoreBare,
        Self::WorkStealing,
        Self::WorkStealingBare,
        Self::Tonic,
        Self::TonicPerCore,
        Self::DubboGo,
        Self::DubboGoBare,
    ];
    /// Ours with everything on, which the targets are about.
    pub(crate) const OURS: [Self; 2] = [Self::PerCore, Self::WorkStealing];

    pub(crate) fn family(self) -> Family {
        match self {
            Self::WorkStealing | Self::WorkStealingBare | Self::PerCore | Self::PerCoreBare => {
                Family::Ours
            }
            Self::DubboGo | Self::DubboGoBare => Family::DubboGo,
            Self::Tonic | Self::TonicPerCore => Family::Tonic,
        }
    }

    /// Returns the value of `--runtime`; dubbo-go has no such choice.
    pub(crate) fn runtime(self) -> &'static str {
        match self {
            Self::PerCore | Self::PerCoreBare | Self::TonicPerCore => "per-core",
            _ => "work-stealing",
        }
    }

    /// Returns whether it measures its calls.
    pub(crate) fn measures(self) -> bool {
        matches!(self, Self::WorkStealing | Self::PerCore | Self::DubboGo)
    }

    /// Returns plain tonic in the same shape.
    pub(crate) fn ceiling(self) -> Self {
        match self.runtime() {
            "per-core" => Self::TonicPerCore,
            _ => Self::Tonic,
        }
    }

    /// Returns the same without metrics.
    pub(crate) fn bare(self) -> Self {
        match self {
            Self::WorkStealing => Self::WorkStealingBare,
            Self::PerCore => Self::PerCoreBare,
            Self::DubboGo => Self::DubboGoBare,
            other => other,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WorkStealing => "ours, work-stealing",
            Self::WorkStealingBare => "ours, work-stealing, no metrics",
            Self::PerCore => "ours, per-core",
            Self::PerCoreBare => "ours, per-core, no metrics",
            Self::DubboGo => "dubbo-go",
            Self::DubboGoBare => "dubbo-go, no metrics",
            Self::Tonic => "plain tonic",
            Self::TonicPerCore => "plain tonic, per-core",
        })
    }
}
