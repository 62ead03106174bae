//! What a consumer looks for.

use std::fmt;

use crate::{Error, name};

/// A service that a consumer wants to call: interface, group and version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    interface: String,
    group: String,
    version: String,
}

impl Reference {
    /// Makes a reference to `interface` with no group and no version.
    ///
    /// # Errors
    /// [`Error::Name`] when `interface` cannot be part of a ZooKeeper path.
    pub fn new(interface: impl Into<String>) -> Result<Self, Error> {
        Ok(Self {
            interface: name::checked("interface", interface.into())?,
            group: String::new(),
            version: String::new(),
        })
    }

    /// Sets the service group; empty means none.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// Sets the version; empty and `0.0.0` mean none.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Returns the interface, such as `greet.GreetService`.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Returns the service group, empty for none.
    pub fn service_group(&self) -> &str {
        &self.group
    }

    /// Returns the version as it was given, empty for none.
    pub fn service_version(&self) -> &str {
        &self.version
    }

    /// Tells whether a service of this name, group and version is the one meant.
    ///
    /// Versions are compared as Dubbo does: `0.0.0` is the same as none.
    pub fn matches(&self, interface: &str, group: &str, version: &str) -> bool {
        self.interface == interface
            && self.group == group
            && plain_version(&self.version) == plain_version(version)
    }
}

/// Writes Dubbo's service key: `group/interface:version`, without the parts that are not set.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&service_key(&self.interface, &self.group, &self.version))
    }
}

/// Returns Dubbo's service key: `group/interface:version`, without the parts that are not set.
pub(crate) fn service_key(interface: &str, group: &str, version: &str) -> String {
    let mut key = String::with_capacity(interface.len() + group.len() + version.len() + 2);
    if !group.is_empty() {
        key.push_str(group);
        key.push('/');
    }
    key.push_str(interface);
    let version = plain_version(version);
    if !version.is_empty() {
        key.push(':');
        key.push_str(version);
    }
    key
}

fn plain_version(version: &str) -> &str {
    if version == "0.0.0" { "" } else { version }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_zero_is_none() {
        let reference = Reference::new("a.B").unwrap();
        assert!(reference.matches("a.B", "", "0.0.0"));
        assert!(reference.clone().version("0.0.0").matches("a.B", "", ""));
        assert!(!reference.matches("a.B", "", "1.0.0"));
    }

    #[test]
    fn interface_and_group_must_agree() {
        let reference = Reference::new("a.B")
            .unwrap()
            .group("blue")
            .version("1.0.0");
        assert!(reference.matches("a.B", "blue", "1.0.0"));
        assert!(!reference.matches("a.C", "blue", "1.0.0"));
        assert!(!reference.matches("a.B", "", "1.0.0"));
        assert!(!reference.matches("a.B", "1.0.0", "blue"));
    }

    #[test]
    fn the_service_key_leaves_out_what_is_not_set() {
        assert_eq!(service_key("a.B", "", ""), "a.B");
        assert_eq!(service_key("a.B", "", "0.0.0"), "a.B");
        assert_eq!(service_key("a.B", "blue", "1.0.0"), "blue/a.B:1.0.0");
    }
}
