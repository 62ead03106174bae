//! The two implementations.

/// What a process is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Our own `server` and `client`.
    Rust,
    /// The peer on dubbo-go.
    Go,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Rust, Self::Go];
}
