//! The implementations.

/// What a process is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Our own `server` and `client`.
    Rust,
    /// The peer on dubbo-go.
    Go,
    /// The peer on Dubbo for Java.
    Java,
}

impl Language {
    /// Those that call and are called on 127.0.0.1; Java refuses to register that.
    pub const ALL: [Self; 2] = [Self::Rust, Self::Go];

    /// Returns the path of the pull endpoint.
    pub(crate) fn metrics_path(self) -> &'static str {
        match self {
            Self::Rust | Self::Go => "/prometheus",
            Self::Java => "/metrics",
        }
    }
}
