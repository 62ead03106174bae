//! Why something that another process wrote cannot be used.

/// What is wrong with a node's data or name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The node holds nothing.
    #[error("it is empty")]
    Empty,
    /// The node holds more than a registration can need.
    #[error("it holds {bytes} bytes, more than {limit}")]
    TooLarge {
        /// The size of the node.
        bytes: usize,
        /// The largest size that is read.
        limit: usize,
    },
    /// The data is not the JSON that Dubbo writes.
    #[error("it is not an instance in JSON: {0}")]
    Json(String),
    /// The text is not UTF-8.
    #[error("it is not text in UTF-8")]
    Text,
    /// The list of endpoints, JSON within a string, can't be read.
    #[error("dubbo.endpoints is not a list of endpoints: {0}")]
    Endpoints(String),
    /// The host cannot be called.
    #[error("{0:?} is not a host")]
    Host(String),
    /// The port is not a number from 1 to 65535, or missing (empty).
    #[error("{0:?} is not a port")]
    Port(String),
    /// No endpoint speaks Triple.
    #[error("it offers no tri endpoint, only {0:?}")]
    Protocol(Vec<String>),
    /// The name of an interface-level provider is not the URL of one.
    #[error("its name is not the URL of a provider: {0}")]
    Url(&'static str),
    /// A rule that an operator published can't be applied.
    #[error("the rule is not one that can be applied: {0}")]
    Rule(String),
    /// An application in a mapping cannot be a node's name.
    #[error("{name:?} is not an application: {reason}")]
    Application {
        /// The name found in the mapping.
        name: String,
        /// Why it is none.
        reason: &'static str,
    },
}
