//! Who is measured.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One implementation in one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// Ours with its defaults, which the targets are about.
    Ours,
    /// The same with `--metrics=false`.
    OursBare,
    /// Our consumer in a program with a `#[tokio::main]` of its own.
    OursEmbedded,
    /// Ours with `--runtime=per-core`, of the build that is named by `--before` if there is one.
    PerCore,
    /// Ours with `--runtime=work-stealing`.
    WorkStealing,
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
    pub(crate) const ALL: [Self; 9] = [
        Self::Ours,
        Self::OursBare,
        Self::OursEmbedded,
        Self::PerCore,
        Self::WorkStealing,
        Self::Tonic,
        Self::TonicPerCore,
        Self::DubboGo,
        Self::DubboGoBare,
    ];

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Ours
            | Self::OursBare
            | Self::OursEmbedded
            | Self::PerCore
            | Self::WorkStealing => Family::Ours,
            Self::DubboGo | Self::DubboGoBare => Family::DubboGo,
            Self::Tonic | Self::TonicPerCore => Family::Tonic,
        }
    }

    /// Returns the value of `--runtime`; none where the default is measured.
    pub(crate) fn runtime(self) -> Option<&'static str> {
        match self {
            Self::PerCore | Self::TonicPerCore => Some("per-core"),
            Self::WorkStealing => Some("work-stealing"),
            _ => None,
        }
    }

    /// Returns whether it measures its calls.
    pub(crate) fn measures(self) -> bool {
        !matches!(
            self,
            Self::OursBare | Self::DubboGoBare | Self::Tonic | Self::TonicPerCore
        )
    }

    /// Returns the subjects that can be providers.
    pub(crate) fn providers() -> Vec<Self> {
        let mut all = Self::ALL.to_vec();
        all.retain(|subject| *subject != Self::OursEmbedded);
        all
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "ours",
            Self::OursBare => "ours, no metrics",
            Self::OursEmbedded => "ours, in #[tokio::main]",
            Self::PerCore => "ours, per-core",
            Self::WorkStealing => "ours, work-stealing",
            Self::DubboGo => "dubbo-go",
            Self::DubboGoBare => "dubbo-go, no metrics",
            Self::Tonic => "plain tonic",
            Self::TonicPerCore => "plain tonic, per-core",
        })
    }
}
