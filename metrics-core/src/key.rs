//! What identifies a series: side, interface, method, group, version.

mod descriptors;

use std::sync::Arc;

pub use descriptors::ServiceError;

/// The label value that unknown methods of a known interface share.
pub const UNKNOWN_METHOD: &str = "unknown";
/// The label value of interface and method that all series beyond the cap share.
pub(crate) const OTHER: &str = "other";

/// The most bytes of a name that becomes a label's value. Names of methods are far shorter; callers that make up longer ones share
/// the series of those beyond the cap.
pub const MAX_NAME: usize = 256;

/// The two sides of a call, as Dubbo names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The side that answers.
    Provider,
    /// The side that calls.
    Consumer,
}

impl Side {
    /// Returns the side's part of a metric name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Consumer => "consumer",
        }
    }
}

/// One method of one service. Compared field by field: `("ab", "c")` is never `("a", "bc")`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MethodKey {
    /// The full name of the service, such as `greet.GreetService`.
    pub interface: Arc<str>,
    /// The method's name as it stands in the path, such as `Greet`.
    pub method: Arc<str>,
    /// Dubbo's service group; empty for none.
    pub group: Arc<str>,
    /// Dubbo's service version; empty for none.
    pub version: Arc<str>,
}

impl MethodKey {
    /// Returns the key of a method without group and version.
    pub fn new(interface: &str, method: &str) -> Self {
        Self {
            interface: interface.into(),
            method: method.into(),
            group: "".into(),
            version: "".into(),
        }
    }

    /// Tells whether a part is longer than [`MAX_NAME`].
    pub(crate) fn is_oversized(&self) -> bool {
        [&self.interface, &self.method, &self.group, &self.version]
            .iter()
            .any(|part| part.len() > MAX_NAME)
    }

    /// Returns the key that stands for every method beyond the cap.
    pub(crate) fn other() -> Self {
        Self::new(OTHER, OTHER)
    }
}

/// A service whose methods are known from the start, so that each has its series, with zeros, before its first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownService {
    /// The full name of the service, such as `greet.GreetService`.
    pub interface: Arc<str>,
    /// Dubbo's service group; empty for none.
    pub group: Arc<str>,
    /// Dubbo's service version; empty for none.
    pub version: Arc<str>,
    /// The names of the methods as they stand in the path.
    pub methods: Vec<Arc<str>>,
}

impl KnownService {
    /// Returns a service without group and version.
    pub fn new<'a>(interface: &str, methods: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            interface: interface.into(),
            group: "".into(),
            version: "".into(),
            methods: methods.into_iter().map(Arc::from).collect(),
        }
    }

    /// Returns a service with all methods that it has in an encoded `FileDescriptorSet`, as `protoc`, `prost-build` and `protox` write it.
    ///
    /// # Errors
    /// When the bytes are no such set, or it has no service of this full name.
    pub fn described(interface: &str, descriptor_set: &[u8]) -> Result<Self, ServiceError> {
        let methods = descriptors::methods(interface, descriptor_set)?;
        Ok(Self::new(interface, methods.iter().map(String::as_str)))
    }

    /// Sets Dubbo's service group.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.group = group.into();
        self
    }

    /// Sets Dubbo's service version.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// Returns the key of one of the service's methods.
    pub fn key(&self, method: &str) -> MethodKey {
        MethodKey {
            interface: self.interface.clone(),
            method: method.into(),
            group: self.group.clone(),
            version: self.version.clone(),
        }
    }
}
